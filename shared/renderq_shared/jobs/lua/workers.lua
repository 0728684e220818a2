#!lua flags=no-writes
-- Live workers.
--
-- ARGV: none
-- Returns each as flat pairs.
-- Atomic: list and descriptions belong to the same moment.

local found = {}
for _, id in ipairs(redis.call('ZRANGE', 'rq:workers', '(' .. NOW, '+inf', 'BYSCORE')) do
  found[#found + 1] = redis.call('HGETALL', 'rq:worker:' .. id)
end
return found

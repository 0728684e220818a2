#!lua flags=allow-oom
-- Record the use of API keys.
--
-- ARGV: ids
-- Returns nothing.
-- Atomic: all of it. The version stays, so that no process reloads.

local known = {}
for _, id in ipairs(ARGV) do
  known[#known + 1] = redis.call('HGET', 'rq:key:' .. id, 'id') or nil
end
for _, id in ipairs(known) do
  redis.call('HSET', 'rq:key:' .. id, 'used_ms', format_int(NOW))
end

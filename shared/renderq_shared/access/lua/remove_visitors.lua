#!lua flags=allow-oom
-- Delete the keys of visitors.
--
-- ARGV: ids of the keys
-- Returns nothing.
-- Atomic: keys, indexes, and the version that makes every API process reload. After `reset`, which has deleted the keys
--         and the version, the version stays absent: it would say that keys have been created since.

key_changes()
redis.call('ZCARD', 'rq:keys') -- checks its type before the first write
redis.call('ZCARD', 'rq:visitors')
local deleted = 0
for _, id in ipairs(ARGV) do
  deleted = deleted + redis.call('DEL', 'rq:key:' .. id)
  redis.call('ZREM', 'rq:keys', id)
  redis.call('ZREM', 'rq:visitors', id)
end
if deleted > 0 then
  keys_changed()
end

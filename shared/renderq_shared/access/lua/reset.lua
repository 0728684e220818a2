#!lua flags=allow-oom
-- Delete all API keys, as if none had ever been created.
--
-- ARGV: none
-- Returns nothing.
-- Atomic: all of it.

for _, id in ipairs(redis.call('ZRANGE', 'rq:keys', 0, -1)) do
  redis.call('DEL', 'rq:key:' .. id)
end
redis.call('DEL', 'rq:keys', 'rq:keys-version')
redis.call('PUBLISH', 'rq:keys-changed', '')

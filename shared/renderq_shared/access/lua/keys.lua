#!lua flags=no-writes
-- All API keys, unless they are still those that the caller knows.
--
-- ARGV: the version that the caller knows ('' for none)
-- Returns {time in ms, version ('' while there has never been a key), keys as flat pairs}; the keys only if the version
-- is another one.
-- Atomic: keys and version are of one moment.

local version = redis.call('GET', 'rq:keys-version') or ''
if version == ARGV[1] then
  return { format_int(NOW), version }
end
local found = {}
for _, id in ipairs(redis.call('ZRANGE', 'rq:keys', 0, -1)) do
  found[#found + 1] = redis.call('HGETALL', 'rq:key:' .. id)
end
return { format_int(NOW), version, found }

#!lua flags=no-writes
-- Read all API keys, unless the caller knows the current version.
--
-- ARGV: version known to the caller ('' for none)
-- Returns {time in ms, version ('' if no key was ever created), keys as flat pairs}; the keys only if the version
--         differs.
-- Atomic: keys and version are of the same moment.

local version = redis.call('GET', 'rq:keys-version') or ''
if version == ARGV[1] then
  return { format_int(NOW), version }
end
local keys = {}
for _, id in ipairs(redis.call('ZRANGE', 'rq:keys', 0, -1)) do
  keys[#keys + 1] = redis.call('HGETALL', 'rq:key:' .. id)
end
return { format_int(NOW), version, keys }

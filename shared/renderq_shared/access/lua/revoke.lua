#!lua flags=allow-oom
-- Make an API key worthless, for good.
--
-- ARGV: id
-- Returns the key as flat pairs; nothing for an unknown one.
-- Atomic: the key, and the version that tells every API process to read again.

local id = ARGV[1]
local key = load_key(id)
if not key then
  return {}
end
if not key.revoked_ms then
  key.revoked_ms = format_int(NOW)
  redis.call('HSET', 'rq:key:' .. id, 'revoked_ms', key.revoked_ms)
  keys_changed()
end
return map_to_pairs(key)

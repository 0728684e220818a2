#!lua flags=allow-oom
-- Revoke an API key permanently.
--
-- ARGV: id
-- Returns the key as flat pairs; nothing for an unknown id.
-- Atomic: the key, and the version that makes every API process reload.

local id = ARGV[1]
local key = load_key(id)
if not key then
  return {}
end
if not key.revoked_ms then
  key_changes()
  key.revoked_ms = format_int(NOW)
  redis.call('HSET', 'rq:key:' .. id, 'revoked_ms', key.revoked_ms)
  keys_changed()
end
return map_to_pairs(key)

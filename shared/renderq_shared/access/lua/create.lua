#!lua flags=allow-oom
-- Add an API key.
--
-- ARGV: id, digest, lifetime in ms ('' for unlimited), then field, value, …
-- Returns the key as flat pairs; nothing if another key has the id.
-- Atomic: key, index, and the version that makes every API process reload.

local id, digest, lifetime = ARGV[1], ARGV[2], ARGV[3]
local key = load_key(id)
if key then
  return key.digest == digest and map_to_pairs(key) or {}
end
key_changes()
redis.call('ZCARD', 'rq:keys') -- checks its type before the first write
key = { id = id, digest = digest, created_ms = format_int(NOW) }
if lifetime ~= '' then
  key.expires_ms = format_int(NOW + lifetime)
end
for i = 4, #ARGV, 2 do
  key[ARGV[i]] = ARGV[i + 1]
end
redis.call('HSET', 'rq:key:' .. id, unpack(map_to_pairs(key)))
redis.call('ZADD', 'rq:keys', key.created_ms, id)
keys_changed()
return map_to_pairs(key)

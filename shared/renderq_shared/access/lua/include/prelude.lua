-- Shared by the scripts of the key store. The loader inserts it between `redis/lua/base.lua` and the script.
--
-- Keys
--   rq:key:ID                  hash   an API key: the fields of KeyRecord as text (absent: none)
--   rq:keys                    zset   API keys by creation
--   rq:keys-version            string changes with every change of a key; absent if no key was ever created

-- An API key's fields, or nil.
local function load_key(id)
  return load_hash('rq:key:' .. id)
end

-- Make every API process reload the keys. In the version, the count distinguishes changes within a microsecond, the
-- time distinguishes this database from an earlier, lost one.
local function keys_changed()
  local count = string.match(redis.call('GET', 'rq:keys-version') or '0', '^%d+')
  local version = format_int(count + 1) .. '.' .. CLOCK[1] .. '.' .. CLOCK[2]
  redis.call('SET', 'rq:keys-version', version)
  redis.call('PUBLISH', 'rq:keys-changed', version)
end

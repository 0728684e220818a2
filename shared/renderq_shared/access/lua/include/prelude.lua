-- Shared by the scripts of the key store. The loader inserts it between `redis/lua/base.lua` and the script.
--
-- Keys
--   rq:key:ID                  hash   an API key: the fields of KeyRecord as text (absent: none)
--   rq:keys                    zset   API keys by creation
--   rq:visitors                zset   keys of visitors by their end
--   rq:visitor-salt            string random salt of the pseudonyms of addresses of one day; has a TTL. Without it, no
--                                     pseudonym can be traced back to its address
--   rq:visitor-keys:ADDRESS    string number of keys of an address on this day, by its pseudonym; has a TTL
--   rq:keys-version            string changes with every change of a key; absent if no key was ever created

-- An API key's fields, or nil.
local function load_key(id)
  return load_hash('rq:key:' .. id)
end

-- The number of changes so far. Refuses a version that it did not write.
local function key_changes()
  local count = string.match(redis.call('GET', 'rq:keys-version') or '0', '^%d+')
  return count or refuse_key('rq:keys-version')
end

-- Make every API process reload the keys. In the version, the count distinguishes changes within a microsecond, the
-- time distinguishes this database from an earlier, lost one.
local function keys_changed()
  local version = format_int(key_changes() + 1) .. '.' .. CLOCK[1] .. '.' .. CLOCK[2]
  redis.call('SET', 'rq:keys-version', version)
  redis.call('PUBLISH', 'rq:keys-changed', version)
end

#!lua
-- Add the API key of a visitor, unless its address has had all keys of the day (UTC) or all places are taken.
--
-- ARGV: id, digest, lifetime in ms, keyed hash of the client's address, salt for a day that has none, limit of keys per
--       address and day, number of places, then field, value, …
-- Returns {outcome, time in ms until another try may succeed, key as flat pairs}; the key only if it was added.
-- Atomic: key, indexes, count of the address, and the version that makes every API process reload. A full server
--         refuses it.

local DAY = 86400000
local id, digest, lifetime, client, salt, per_address, places = unpack(ARGV, 1, 7)
local key = load_key(id)
if key then
  return { 'admitted', 0, map_to_pairs(key) }
end

local day_left = DAY - NOW % DAY
local known_salt = redis.call('GET', 'rq:visitor-salt')
local address = redis.sha1hex((known_salt or salt) .. client)
local count_key = 'rq:visitor-keys:' .. address
local count = string.match(redis.call('GET', count_key) or '0', '^%d+$') or refuse_key(count_key)
local first = redis.call('ZRANGE', 'rq:visitors', 0, 0, 'WITHSCORES')
key_changes()
redis.call('ZCARD', 'rq:keys') -- checks its type before the first write
if tonumber(count) >= tonumber(per_address) then
  return { 'address_limit_reached', day_left, {} }
end
if redis.call('ZCARD', 'rq:visitors') >= tonumber(places) then
  return { 'full', math.max(0, first[2] - NOW), {} }
end

if not known_salt then
  redis.call('SET', 'rq:visitor-salt', salt, 'PX', day_left)
end
if redis.call('INCR', count_key) == 1 then
  redis.call('PEXPIRE', count_key, day_left)
end
local expires = format_int(NOW + lifetime)
key = { id = id, digest = digest, address = address, created_ms = format_int(NOW), expires_ms = expires }
for i = 8, #ARGV, 2 do
  key[ARGV[i]] = ARGV[i + 1]
end
redis.call('HSET', 'rq:key:' .. id, unpack(map_to_pairs(key)))
redis.call('ZADD', 'rq:keys', key.created_ms, id)
redis.call('ZADD', 'rq:visitors', expires, id)
keys_changed()
return { 'admitted', 0, map_to_pairs(key) }

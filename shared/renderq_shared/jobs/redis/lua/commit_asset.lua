#!lua flags=allow-oom
-- A picture is in the object store, as `reserve_asset` was told: keep it.
--
-- ARGV: tenant, id, prefix, then field, value, … of the asset
-- Returns the asset as flat pairs: this one, or the one that came in between; then this one's object is removed.
--         Nothing if it came too late and is being removed.
-- Atomic: the note that removes the object goes in the same moment in which the asset comes.

local tenant, id, prefix = ARGV[1], ARGV[2], ARGV[3]
local key = asset_key(tenant, id)
local expected = redis.call('ZREM', 'rq:late-removals', prefix) == 1
local known = redis.call('HGET', key, 'key')
if known then
  if asset_prefix(known) ~= prefix and expected then
    redis.call('ZADD', 'rq:removals', format_int(NOW), prefix)
  end
elseif expected then
  redis.call('HSET', key, 'id', id, 'tenant', tenant, 'created_ms', format_int(NOW), unpack(ARGV, 4))
end
return touch_asset(tenant, id) or {}

#!lua flags=allow-oom
-- Record an asset whose image has been written to the object store after `reserve_asset`.
--
-- ARGV: tenant, id, prefix, then field, value, … of the asset
-- Returns the asset as flat pairs: this one, or one committed meanwhile, in which case this one's object is removed.
--         Nothing if the reservation has expired; the object is then being removed.
-- Atomic: the removal of the reservation and the creation of the asset.

local tenant, id, prefix = ARGV[1], ARGV[2], ARGV[3]
local key = asset_key(tenant, id)
local is_reserved = redis.call('ZREM', 'rq:late-removals', prefix) == 1
local known = redis.call('HGET', key, 'key')
if known then
  if asset_prefix(known) ~= prefix and is_reserved then
    redis.call('ZADD', 'rq:removals', format_int(NOW), prefix)
  end
elseif is_reserved then
  redis.call('HSET', key, 'id', id, 'tenant', tenant, 'created_ms', format_int(NOW), unpack(ARGV, 4))
end
return touch_asset(tenant, id) or {}

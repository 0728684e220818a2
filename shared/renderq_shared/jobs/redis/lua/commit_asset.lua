#!lua flags=allow-oom
-- Record an asset whose image has been written to the object store after `reserve_asset`.
--
-- ARGV: tenant, id, prefix, TTL of the reservation in ms, then field, value, … of the asset
-- Returns the asset as flat pairs: this one, or one committed meanwhile, in which case this one's object is removed.
--         Nothing if the reservation has expired, or was made before the end of a purge; the caller removes the object.
-- Atomic: the removal of the reservation and the creation of the asset.

local tenant, id, prefix, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key = asset_key(tenant, id)
check_assets(tenant, id)
check_removals()

-- Return whether the reservation was made before the end of the tenant's last purge.
local function is_purged_upload()
  local expires = redis.call('ZSCORE', 'rq:late-removals', prefix)
  local completed = redis.call('HGET', purge_key(tenant), 'completed_ms')
  return is_purged(tenant) or expires and completed and expires - ttl < tonumber(completed)
end

if is_purged_upload() then
  return {}
end
local is_reserved = redis.call('ZREM', 'rq:late-removals', prefix) == 1
local known = redis.call('HGET', key, 'key')
if known then
  if asset_prefix(known) ~= prefix and is_reserved then
    redis.call('ZADD', 'rq:removals', format_int(NOW), prefix)
  end
elseif is_reserved then
  redis.call('HSET', key, 'id', id, 'tenant', tenant, 'created_ms', format_int(NOW), unpack(ARGV, 5))
end
return touch_asset(tenant, id) or {}

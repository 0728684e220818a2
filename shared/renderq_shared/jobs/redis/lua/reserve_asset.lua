#!lua
-- Reserve an asset before its image is written to the object store, unless the tenant already has it.
--
-- ARGV: tenant, id, prefix in the object store, TTL of the reservation in ms
-- Returns the asset as flat pairs if it exists, with renewed retention; nothing if it is to be written. Assets of a
--         purged tenant do not exist.
-- Atomic: the removal of the prefix is scheduled before anything is written, in case the writer dies.

local tenant, id, prefix, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
check_assets(tenant, id)
check_removals()
local asset = not is_purged(tenant) and touch_asset(tenant, id)
if asset then
  return asset
end
redis.call('ZADD', 'rq:late-removals', format_int(NOW + ttl), prefix)
return {}

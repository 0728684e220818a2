#!lua flags=allow-oom
-- Begin a purge: the deletion of all data of a tenant.
--
-- ARGV: tenant
-- Returns {tenant, purge as flat pairs}: a new one, or the one in progress.
-- Atomic: the intent, and the refusal of the tenant's submissions and uploads.

local tenant = ARGV[1]
local key = purge_key(tenant)
if not is_purged(tenant) then
  redis.call('DEL', key)
  redis.call('HSET', key, 'started_ms', format_int(NOW))
  redis.call('ZADD', 'rq:purges', format_int(NOW), tenant)
end
return purge_reply(tenant)

#!lua flags=allow-oom
-- Claim the purge in progress that has waited longest.
--
-- ARGV: lease in ms
-- Returns {tenant, purge as flat pairs}; nothing if none is due.
-- Atomic: choice and lease. A purge becomes due again when its lease expires.

local tenant = redis.call('ZRANGE', 'rq:purges', '-inf', format_int(NOW), 'BYSCORE', 'LIMIT', 0, 1)[1]
if not tenant then
  return {}
end
local reply = purge_reply(tenant)
redis.call('ZADD', 'rq:purges', format_int(NOW + ARGV[1]), tenant)
return reply

#!lua flags=allow-oom
-- Set the lease of a purge in progress, and its number of deleted jobs.
--
-- ARGV: tenant, start in ms, lease in ms, number of jobs deleted so far
-- Returns 1; 0 if the purge has ended.
-- Atomic: all of it. The number never falls, so that a repeat or a slow process does no harm.

local tenant, started, lease, jobs = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if not is_in_progress(tenant, started) then
  return 0
end
local key = purge_key(tenant)
redis.call('ZADD', 'rq:purges', format_int(NOW + lease), tenant)
redis.call('HSET', key, 'jobs', format_int(math.max(jobs, redis.call('HGET', key, 'jobs') or 0)))
return 1

#!lua flags=allow-oom
-- End a purge, unless the tenant still has jobs here.
--
-- ARGV: tenant, start of the purge in ms, TTL of the result in ms
-- Returns 1; 0 if there are jobs.
-- Atomic: the end, and the deletion of what fairness has noted of the tenant, and of the model that it has chosen. What
--         an operator has set stays: API keys, and a pause.

local tenant, started, ttl = ARGV[1], ARGV[2], ARGV[3]
if not is_in_progress(tenant, started) then
  return 1
end
if redis.call('EXISTS', 'rq:jobs:' .. tenant) == 1 then
  return 0
end
local models = redis.call('HKEYS', 'rq:models')
check_hashes('rq:weights', 'rq:visitor-jobs', 'rq:chosen-models')
for _, model in ipairs(models) do
  check_hashes('rq:virtual:' .. model)
end
set_weight(tenant, 1)
for _, model in ipairs(models) do
  redis.call('HDEL', 'rq:virtual:' .. model, tenant)
end
forget_visitor_jobs(tenant)
redis.call('HDEL', 'rq:chosen-models', tenant)
redis.call('ZREM', 'rq:purges', tenant)
redis.call('HSET', purge_key(tenant), 'completed_ms', format_int(NOW))
redis.call('PEXPIRE', purge_key(tenant), ttl)
return 1

#!lua flags=allow-oom
-- Pause or resume a tenant in the queues of all models. Running jobs continue; queued jobs keep their positions.
--
-- ARGV: tenant, paused (1 or 0)
-- Returns nothing.
-- Atomic: the flag, and the tenant's removal from or return to the turns of every model. It returns at each model's
--         current virtual time, so it gets no compensation for the time it was paused.

local tenant, is_paused = ARGV[1], ARGV[2] == '1'

local models = redis.call('HKEYS', 'rq:models')
for _, model in ipairs(models) do
  check_queue(model, tenant)
end
local changes = redis.call(is_paused and 'SADD' or 'SREM', 'rq:paused-tenants', tenant)
for _, model in ipairs(models) do
  if is_paused then
    redis.call('ZREM', 'rq:active:' .. model, tenant)
  elseif changes == 1 and redis.call('EXISTS', 'rq:queue:' .. model .. ':' .. tenant) == 1 then
    activate_tenant(model, tenant)
  end
end

-- Fairness -----------------------------------------------------------------------------------------------------
-- Start-time fair queueing: https://doi.org/10.1145/248156.248171. A tenant with queued jobs is never behind the
-- model's current virtual time, so an idle tenant accumulates no credit.

local function virtual_now(model)
  return tonumber(redis.call('HGET', 'rq:virtual-now', model) or 0)
end

local function virtual_time(model, tenant)
  return tonumber(redis.call('HGET', 'rq:virtual:' .. model, tenant) or 0)
end

local function set_virtual_time(model, tenant, time)
  redis.call('HSET', 'rq:virtual:' .. model, tenant, format_float(time))
  redis.call('ZADD', 'rq:active:' .. model, 'XX', format_float(time), tenant)
end

-- A tenant's relative share of every model's device time.
local function weight(tenant)
  return tonumber(redis.call('HGET', 'rq:weights', tenant) or 1)
end

local function set_weight(tenant, new)
  if new == 1 then
    redis.call('HDEL', 'rq:weights', tenant)
  else
    redis.call('HSET', 'rq:weights', tenant, format_float(new))
  end
end

-- Replace the job's charge by that of `cost`, and return it; 0 refunds all.
local function adjust_charge(job, cost)
  local before, charge = virtual_time(job.model, job.tenant), cost / weight(job.tenant)
  local after = before + charge - (job.charge or 0)
  if after < before then
    after = math.max(after, math.min(before, virtual_now(job.model)))
  end
  set_virtual_time(job.model, job.tenant, after)
  return format_float(charge)
end

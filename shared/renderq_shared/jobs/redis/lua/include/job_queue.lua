-- Queue --------------------------------------------------------------------------------------------------------

local function is_paused(model, tenant)
  return redis.call('SISMEMBER', 'rq:paused-models', model) == 1
    or redis.call('SISMEMBER', 'rq:paused-tenants', tenant) == 1
end

-- Add a tenant with queued jobs to the turns, at the model's current virtual time if it is behind that.
local function activate_tenant(model, tenant)
  local start = math.max(virtual_time(model, tenant), virtual_now(model))
  redis.call('ZADD', 'rq:active:' .. model, format_float(start), tenant)
  set_virtual_time(model, tenant, start)
end

-- Add to a model's sum of costs in a hash.
local function add_cost(sums, model, cost)
  redis.call('HINCRBYFLOAT', sums, model, format_float(cost))
end

local function summed_cost(sums, model)
  return math.max(0, tonumber(redis.call('HGET', sums, model) or 0))
end

-- Set the part of a running job's cost that its worker has not yet done.
local function set_remaining_cost(job, remaining_cost)
  add_cost('rq:remaining-cost', job.model, remaining_cost - (job.remaining_cost or 0))
  job.remaining_cost = format_float(remaining_cost)
end

-- Insert a job at its queue position, the same one on every requeue.
local function enqueue(job)
  local model, tenant = job.model, job.tenant
  local queue = 'rq:queue:' .. model .. ':' .. tenant
  if redis.call('EXISTS', queue) == 0 and redis.call('SISMEMBER', 'rq:paused-tenants', tenant) == 0 then
    activate_tenant(model, tenant)
  end
  redis.call('ZADD', queue, format_int((10 - job.priority) * 2 ^ 42 + job.sequence), job.id)
  redis.call('ZADD', 'rq:oldest:' .. model, job.created_ms, job.id)
  redis.call('INCR', 'rq:queued')
  add_cost('rq:queued-cost', model, job.cost)
  redis.call('HINCRBY', 'rq:queued-by-tenant', tenant, 1)
end

local function dequeue(model, tenant, id, cost)
  local queue = 'rq:queue:' .. model .. ':' .. tenant
  if redis.call('ZREM', queue, id) == 0 then
    return
  end
  if redis.call('EXISTS', queue) == 0 then
    redis.call('ZREM', 'rq:active:' .. model, tenant)
  end
  redis.call('ZREM', 'rq:oldest:' .. model, id)
  redis.call('DECR', 'rq:queued')
  add_cost('rq:queued-cost', model, -cost)
  if redis.call('EXISTS', 'rq:oldest:' .. model) == 0 then
    redis.call('HDEL', 'rq:queued-cost', model) -- sums of floats end near zero, not at it
  end
  if redis.call('HINCRBY', 'rq:queued-by-tenant', tenant, -1) == 0 then
    redis.call('HDEL', 'rq:queued-by-tenant', tenant)
  end
end

local function serves(model)
  return redis.call('ZCOUNT', 'rq:served:' .. model, '(' .. NOW, '+inf') > 0 and 1 or 0
end

-- The number of a model's queued jobs that can be claimed.
local function claimable(model)
  if redis.call('SISMEMBER', 'rq:paused-models', model) == 1 then
    return 0
  end
  local count = redis.call('ZCARD', 'rq:oldest:' .. model)
  for _, tenant in ipairs(redis.call('SMEMBERS', 'rq:paused-tenants')) do
    count = count - redis.call('ZCARD', 'rq:queue:' .. model .. ':' .. tenant)
  end
  return count
end

-- A queued job's position: {jobs ahead, served, paused, cost ahead}. Ahead are the tenant's own earlier jobs, exactly,
-- and an estimate for each of the next 100 other tenants: as many as get their turn first, by weight and at equal cost.
-- The cost ahead is their number times the average cost of queued jobs, plus the remaining cost of running jobs.
local function queue_position(job)
  local own = redis.call('ZRANK', 'rq:queue:' .. job.model .. ':' .. job.tenant, job.id)
  local tenants = redis.call('ZRANGE', 'rq:active:' .. job.model, 0, 99)
  local weights = redis.call('HMGET', 'rq:weights', job.tenant, unpack(tenants))
  local ahead, first = own, true
  for i, other in ipairs(tenants) do
    if other == job.tenant then
      first = false
    else
      local turns = own * (weights[i + 1] or 1) / (weights[1] or 1)
      turns = first and math.floor(turns) + 1 or math.ceil(turns)
      ahead = ahead + math.min(redis.call('ZCARD', 'rq:queue:' .. job.model .. ':' .. other), turns)
    end
  end
  local others = redis.call('ZCARD', 'rq:oldest:' .. job.model) - 1
  local mean = others > 0 and (summed_cost('rq:queued-cost', job.model) - job.cost) / others or 0
  local before = format_float(ahead * mean + summed_cost('rq:remaining-cost', job.model))
  return { ahead, serves(job.model), is_paused(job.model, job.tenant) and 1 or 0, before }
end

-- The queue of every model that has queued jobs: {model, queued, age of the oldest in ms, pending wake-ups, served,
-- claimable}.
local function queues()
  local result = {}
  for model, wake in pairs(pairs_to_map(redis.call('HGETALL', 'rq:models'))) do
    local oldest = redis.call('ZRANGE', 'rq:oldest:' .. model, 0, 0, 'WITHSCORES')
    if oldest[1] then
      result[#result + 1] = {
        model,
        redis.call('ZCARD', 'rq:oldest:' .. model),
        math.max(NOW - oldest[2], 0),
        redis.call('LLEN', wake),
        serves(model),
        claimable(model),
      }
    end
  end
  return result
end

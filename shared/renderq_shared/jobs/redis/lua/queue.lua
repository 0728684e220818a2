-- Queue --------------------------------------------------------------------------------------------------------

local function is_paused(model, tenant)
  return redis.call('SISMEMBER', 'rq:paused-models', model) == 1
    or redis.call('SISMEMBER', 'rq:paused-tenants', tenant) == 1
end

-- Let a tenant that has queued jobs join the others, at the model's current virtual time if it is behind that.
local function activate_tenant(model, tenant)
  local start = math.max(virtual_time(model, tenant), virtual_now(model))
  redis.call('ZADD', 'rq:active:' .. model, format_float(start), tenant)
  set_virtual_time(model, tenant, start)
end

-- A model's entry of a hash that sums up costs.
local function add_cost(sums, model, cost)
  redis.call('HINCRBYFLOAT', sums, model, format_float(cost))
end

local function summed_cost(sums, model)
  return math.max(0, tonumber(redis.call('HGET', sums, model) or 0))
end

-- The worker that holds the job still has so much of its cost to do.
local function set_remaining_cost(job, remaining_cost)
  add_cost('rq:remaining-cost', job.model, remaining_cost - (job.remaining_cost or 0))
  job.remaining_cost = format_float(remaining_cost)
end

-- Put a job at its queue position; the same one whenever it comes back.
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
    redis.call('HDEL', 'rq:queued-cost', model) -- sums of fractions end near zero
  end
  if redis.call('HINCRBY', 'rq:queued-by-tenant', tenant, -1) == 0 then
    redis.call('HDEL', 'rq:queued-by-tenant', tenant)
  end
end

local function serves(model)
  return redis.call('ZCOUNT', 'rq:served:' .. model, '(' .. NOW, '+inf') > 0 and 1 or 0
end

-- How many of a model's queued jobs a worker may be given.
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

-- A queued job's queue position: {jobs ahead, served, paused, cost of what is done before it}. Ahead is what the tenant itself has
-- before it, exactly; and from each of the next 100 other tenants, served by weight at equal cost, as many as come up
-- before it. They are taken to cost what queued jobs cost on average; what workers hold comes first.
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

-- Every model that has queued jobs: {model, queued, age of the oldest in ms, waiting wake-ups, served, claimable}.
local function queues()
  local found = {}
  for model, wake in pairs(pairs_to_map(redis.call('HGETALL', 'rq:models'))) do
    local oldest = redis.call('ZRANGE', 'rq:oldest:' .. model, 0, 0, 'WITHSCORES')
    if oldest[1] then
      found[#found + 1] = {
        model,
        redis.call('ZCARD', 'rq:oldest:' .. model),
        math.max(NOW - oldest[2], 0),
        redis.call('LLEN', wake),
        serves(model),
        claimable(model),
      }
    end
  end
  return found
end

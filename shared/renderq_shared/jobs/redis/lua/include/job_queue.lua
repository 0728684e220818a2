-- Queue --------------------------------------------------------------------------------------------------------

local function is_paused(model, tenant)
  return redis.call('SISMEMBER', 'rq:paused-models', model) == 1
    or redis.call('SISMEMBER', 'rq:paused-tenants', tenant) == 1
end

-- Tenants that have had equally much get virtual times slightly apart, in order of arrival. TIE is the distance up to
-- which virtual times count as equal, TIE_STEP the distance between two such tenants; both are relative to the virtual
-- time. So about a thousand of them (TIE / TIE_STEP) keep their order.
local TIE, TIE_STEP = 2 ^ -40, 2 ^ -50

-- Add a tenant with queued jobs to the turns, at the model's current virtual time if it is behind that, and after the
-- tenants that already wait at the same virtual time.
local function activate_tenant(model, tenant)
  local active = 'rq:active:' .. model
  local start = math.max(virtual_time(model, tenant), virtual_now(model))
  local tie_end = start + TIE * math.max(1, start)
  local last = redis.call('ZRANGE', active, format_float(tie_end), format_float(start), 'BYSCORE', 'REV', 'LIMIT', 0, 1,
    'WITHSCORES')[2]
  if last then
    start = last + TIE_STEP * math.max(1, start)
  end
  redis.call('ZADD', active, format_float(start), tenant)
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

-- Append a score and a member to the arguments of a ZADD.
local function append_entry(entries, score, member)
  entries[#entries + 1] = score
  entries[#entries + 1] = member
end

-- Insert jobs of a tenant and model at their places in the queue, the same ones on every requeue: those of their
-- priority and acceptance, unless they were moved.
local function enqueue(model, tenant, jobs)
  local queue = 'rq:queue:' .. model .. ':' .. tenant
  if redis.call('EXISTS', queue) == 0 and redis.call('SISMEMBER', 'rq:paused-tenants', tenant) == 0 then
    activate_tenant(model, tenant)
  end
  local places, creations, cost = {}, {}, 0
  for _, job in ipairs(jobs) do
    append_entry(places, job.place or format_int((10 - job.priority) * 2 ^ 42 + job.sequence), job.id)
    append_entry(creations, job.created_ms, job.id)
    cost = cost + job.cost
  end
  redis.call('ZADD', queue, unpack(places))
  redis.call('ZADD', 'rq:oldest:' .. model, unpack(creations))
  redis.call('INCRBY', 'rq:queued', #jobs)
  add_cost('rq:queued-cost', model, cost)
  redis.call('HINCRBY', 'rq:queued-by-tenant', tenant, #jobs)
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

-- The length of another tenant's queue; 0 if it cannot be read, which no other tenant shall notice.
local function queue_length(model, tenant)
  return tonumber(redis.pcall('ZCARD', 'rq:queue:' .. model .. ':' .. tenant)) or 0
end

-- The number of a model's queued jobs that can be claimed.
local function claimable(model)
  if redis.call('SISMEMBER', 'rq:paused-models', model) == 1 then
    return 0
  end
  local count = redis.call('ZCARD', 'rq:oldest:' .. model)
  for _, tenant in ipairs(redis.call('SMEMBERS', 'rq:paused-tenants')) do
    count = count - queue_length(model, tenant)
  end
  return count
end

-- What the positions of a tenant's jobs in the queue of a model have in common. `rivals` are the next 100 other tenants:
-- their numbers of queued jobs, their weights, and whether their turn is before the tenant's.
local function queue_view(model, tenant)
  local tenants = redis.call('ZRANGE', 'rq:active:' .. model, 0, 99)
  local weights = redis.call('HMGET', 'rq:weights', tenant, unpack(tenants))
  local rivals, is_earlier = {}, true
  for i, other in ipairs(tenants) do
    if other == tenant then
      is_earlier = false
    else
      rivals[#rivals + 1] = {
        queued = queue_length(model, other),
        weight = weights[i + 1] or 1,
        is_earlier = is_earlier,
      }
    end
  end
  return {
    rivals = rivals,
    weight = weights[1] or 1,
    others = redis.call('ZCARD', 'rq:oldest:' .. model) - 1,
    queued_cost = summed_cost('rq:queued-cost', model),
    remaining_cost = summed_cost('rq:remaining-cost', model),
    served = serves(model),
    paused = is_paused(model, tenant) and 1 or 0,
  }
end

-- The position of the tenant's job number `own`, counted from 0: {jobs ahead, served, paused, cost ahead}. Ahead are the
-- tenant's own earlier jobs, exactly, and an estimate for each rival: as many as get their turn first, by weight and at
-- equal cost. The cost ahead is their number times the average cost of queued jobs, plus the remaining cost of running
-- jobs.
local function position_in(view, own, cost)
  local ahead = own
  for _, rival in ipairs(view.rivals) do
    local turns = own * rival.weight / view.weight
    turns = rival.is_earlier and math.floor(turns) + 1 or math.ceil(turns)
    ahead = ahead + math.min(rival.queued, turns)
  end
  local mean = view.others > 0 and (view.queued_cost - cost) / view.others or 0
  return { ahead, view.served, view.paused, format_float(ahead * mean + view.remaining_cost) }
end

local function queue_position(job)
  local own = redis.call('ZRANK', 'rq:queue:' .. job.model .. ':' .. job.tenant, job.id)
  return position_in(queue_view(job.model, job.tenant), own, job.cost)
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

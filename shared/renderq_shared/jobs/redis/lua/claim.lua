#!lua flags=allow-oom
-- Give a worker its next job, at most one per claim id: queued -> running.
--
-- ARGV: claim id, worker, lease in ms, engine_empty (1 or 0), switch_after in ms, milliseconds that the claim id is
--       remembered, then per candidate: model, resident (1 or 0), ahead (1 or 0)
-- Returns the job as flat pairs, or nothing. A repeat returns the same job for as long as the claim holds it.
-- Atomic: choice, leaving the queue, charge, lease, status.
--
-- Models are asked in the worker's order, paused ones not at all; paused tenants have no turn. But a model that is not
-- resident goes first once its oldest job has waited switch_after; the longest wait first. The first model that has a
-- job decides. But a job that this worker would only keep for later (ahead) is left to the workers that serve its model
-- and hold nothing, unless more jobs wait than those can take. If that job is a suspect (it lost a worker before) and
-- the engine is not empty, the answer is nothing at all: neither its tenant's next job, nor
-- another tenant's, nor another model's may pass, because each of them would keep the engine from ever being empty.
-- So a suspect waits for no longer than what some engine holds now. Every engine that meets it stops taking jobs for
-- that time; the first empty one takes it and releases the others.

local STALE_MAX = 32
local claim, worker, lease, engine_empty, switch_after, remember =
  ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5]), ARGV[6]

local taken = redis.call('GET', 'rq:claim:' .. claim)
if taken then
  local job = load_job(taken)
  if job and job.claim_id == claim and not TERMINAL[job.status] then
    return map_to_pairs(job)
  end
  return {}
end

local is_prefetch = {}

local function models_in_order()
  local waiting, rest = {}, {}
  for i = 7, #ARGV, 3 do
    local model, resident = ARGV[i], ARGV[i + 1] == '1'
    is_prefetch[model] = ARGV[i + 2] == '1'
    local oldest = redis.call('ZRANGE', 'rq:oldest:' .. model, 0, 0, 'WITHSCORES')
    if oldest[1] and redis.call('SISMEMBER', 'rq:paused-models', model) == 0 then
      if not resident and NOW - oldest[2] >= switch_after then
        waiting[#waiting + 1] = { model = model, since = tonumber(oldest[2]), place = i }
      else
        rest[#rest + 1] = model
      end
    end
  end
  table.sort(waiting, function(a, b)
    return a.since < b.since or (a.since == b.since and a.place < b.place)
  end)
  local order = {}
  for _, entry in ipairs(waiting) do
    order[#order + 1] = entry.model
  end
  for _, model in ipairs(rest) do
    order[#order + 1] = model
  end
  return order
end

-- The job whose turn it is. Entries without a queued job behind them leave the queue; what is past its deadline ends.
local stale = 0
local function head(model)
  while stale < STALE_MAX do
    local tenant = redis.call('ZRANGE', 'rq:active:' .. model, 0, 0)[1]
    if not tenant then
      return
    end
    local id = redis.call('ZRANGE', 'rq:queue:' .. model .. ':' .. tenant, 0, 0)[1]
    local job = id and load_job(id)
    if not id then
      redis.call('ZREM', 'rq:active:' .. model, tenant)
    elseif not job or job.status ~= 'queued' then
      dequeue(model, tenant, id, job and job.cost or 0)
    elseif job.deadline_at_ms and tonumber(job.deadline_at_ms) <= NOW then
      end_job(job, 'expired', {})
    else
      return job
    end
    stale = stale + 1
  end
end

-- Whether other workers that hold nothing could take all that the model has queued.
local function is_left_to_others(model)
  local queued, idle = claimable(model), 0
  for _, other in ipairs(redis.call('ZRANGE', 'rq:served:' .. model, '(' .. NOW, '+inf', 'BYSCORE')) do
    if other ~= worker and redis.call('EXISTS', 'rq:claimed:' .. other) == 0 then
      idle = idle + 1
    end
  end
  return queued <= idle
end

for _, model in ipairs(models_in_order()) do
  local job = head(model)
  if job and not (is_prefetch[model] and is_left_to_others(model)) then
    if job.lost_leases and not engine_empty then
      return {}
    end
    redis.call('HSET', 'rq:virtual-now', model, format_float(virtual_time(model, job.tenant)))
    dequeue(model, job.tenant, job.id, job.cost)
    set_remaining_cost(job, job.cost)
    local charge = adjust_charge(job, job.cost)
    redis.call('ZADD', 'rq:leases', format_int(NOW + lease), job.id)
    redis.call('SADD', 'rq:claimed:' .. worker, job.id)
    redis.call('SET', 'rq:claim:' .. claim, job.id, 'PX', remember)
    update_job(job, {
      status = 'running',
      attempt = format_int((job.attempt or 0) + 1),
      claim_id = claim,
      worker = worker,
      started_ms = format_int(NOW),
      charge = charge,
      remaining_cost = job.remaining_cost,
    })
    return map_to_pairs(job)
  end
end
return {}

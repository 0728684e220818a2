#!lua flags=allow-oom
-- Claim the next job for a worker, at most one per claim id: queued -> running.
--
-- ARGV: claim id, worker, lease in ms, engine (empty, quarantined or shared), switch_after in ms, TTL of the claim id in
--       ms, ids of excluded jobs separated by spaces, then per candidate: model, resident (1 or 0), prefetch (1 or 0)
-- Returns the job as flat pairs, or nothing. A repeat returns the same job as long as the claim holds it.
-- Atomic: choice, removal from the queue, charge, lease, status.
--
-- A worker that was told to drain gets nothing.
--
-- Models are tried in the worker's order. Paused models are skipped; paused tenants have no turn. A model that is not
-- resident goes first once its oldest job has waited for switch_after, the longest wait first. The first model with a
-- job decides, with two exceptions:
--
-- A prefetched job, which would only wait in this worker, is left to idle workers that serve its model, unless more
-- jobs are queued than there are such workers.
--
-- If the job is quarantined (it has lost a lease) and the engine is not empty, nothing is claimed: no job of the
-- same tenant, another tenant or another model may overtake it, because each of them would keep the engine from
-- becoming empty. So a quarantined job waits at most for the jobs that some engine holds now. Every engine that meets
-- it claims nothing for that time; the first empty one claims it, and the others continue.
--
-- An engine that holds only quarantined jobs claims further ones, out of turn: those at the head of the queues of the
-- next MAX_TENANTS tenants, but none in its last attempt, which runs alone.

local MAX_EXPIRED, MAX_TENANTS = 32, 32
local claim, worker, lease, engine, switch_after, claim_ttl =
  ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]

local claimed_id = redis.call('GET', 'rq:claim:' .. claim)
if claimed_id then
  local job = load_job(claimed_id)
  if job and job.claim_id == claim and not TERMINAL[job.status] then
    return map_to_pairs(job)
  end
  return {}
end

if is_drain_requested(worker) then
  return {}
end

local is_prefetch, is_excluded, excluded_count = {}, {}, 0
for id in string.gmatch(ARGV[7], '%S+') do
  is_excluded[id] = true
  excluded_count = excluded_count + 1
end

local function models_in_order()
  local waiting, rest = {}, {}
  for i = 8, #ARGV, 3 do
    local model, resident = ARGV[i], ARGV[i + 1] == '1'
    is_prefetch[model] = ARGV[i + 2] == '1'
    local oldest = redis.call('ZRANGE', 'rq:oldest:' .. model, 0, 0, 'WITHSCORES')
    if oldest[1] and redis.call('SISMEMBER', 'rq:paused-models', model) == 0 then
      if not resident and NOW - oldest[2] >= switch_after then
        waiting[#waiting + 1] = { model = model, since = tonumber(oldest[2]), index = i }
      else
        rest[#rest + 1] = model
      end
    end
  end
  table.sort(waiting, function(a, b)
    return a.since < b.since or (a.since == b.since and a.index < b.index)
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

-- A tenant's first job that is not excluded, and whether the tenant has any.
local function first_job(model, tenant)
  local ids = redis.call('ZRANGE', 'rq:queue:' .. model .. ':' .. tenant, 0, excluded_count)
  for _, id in ipairs(ids) do
    if not is_excluded[id] then
      return id, true
    end
  end
  return nil, #ids > 0
end

-- The next job, and whether it is its tenant's turn. Drops entries without a queued job, and expires jobs past their deadline, MAX_EXPIRED in all.
local skipped = 0
local function head(model)
  local turn = 0
  while skipped < MAX_EXPIRED and turn < MAX_TENANTS do
    local tenant = redis.call('ZRANGE', 'rq:active:' .. model, turn, turn)[1]
    if not tenant then
      return
    end
    local id, has_jobs = first_job(model, tenant)
    local job = id and load_job(id)
    if not id and has_jobs then
      turn = turn + 1
      skipped = skipped - 1 -- nothing was removed
    elseif not id then
      redis.call('ZREM', 'rq:active:' .. model, tenant)
    elseif not job or job.status ~= 'queued' then
      check_queue(model, tenant)
      dequeue(model, tenant, id, job and job.cost or 0)
    elseif job.deadline_at_ms and tonumber(job.deadline_at_ms) <= NOW then
      check_job(job)
      end_job(job, 'expired', {})
    else
      return job, turn == 0
    end
    skipped = skipped + 1
  end
end

-- The next quarantined job that may share an engine.
local function quarantined_head(model)
  for _, tenant in ipairs(redis.call('ZRANGE', 'rq:active:' .. model, 0, MAX_TENANTS - 1)) do
    local id = first_job(model, tenant)
    local job = id and load_job(id)
    if job and job.status == 'queued' and job.lost_leases and job.lost_leases + 1 < tonumber(job.max_attempts)
      and not (job.deadline_at_ms and tonumber(job.deadline_at_ms) <= NOW) then
      return job
    end
  end
end

-- Return whether there are enough other idle workers for all queued jobs of the model.
local function is_left_to_idle_workers(model)
  local queued, idle = claimable(model), 0
  for _, other in ipairs(redis.call('ZRANGE', 'rq:served:' .. model, '(' .. NOW, '+inf', 'BYSCORE')) do
    if other ~= worker and redis.call('EXISTS', 'rq:claimed:' .. other) == 0 then
      idle = idle + 1
    end
  end
  return queued <= idle
end

for _, model in ipairs(models_in_order()) do
  local job, in_turn
  if engine == 'quarantined' then
    job = quarantined_head(model)
  else
    job, in_turn = head(model)
  end
  if job and not (is_prefetch[model] and is_left_to_idle_workers(model)) then
    if job.lost_leases and engine == 'shared' then
      return {}
    end
    check_job(job)
    check_sets('rq:claimed:' .. worker)
    if in_turn then
      redis.call('HSET', 'rq:virtual-now', model, format_float(virtual_time(model, job.tenant)))
    end
    dequeue(model, job.tenant, job.id, job.cost)
    set_remaining_cost(job, job.cost)
    local charge = adjust_charge(job, job.cost)
    redis.call('ZADD', 'rq:leases', format_int(NOW + lease), job.id)
    redis.call('SADD', 'rq:claimed:' .. worker, job.id)
    redis.call('SET', 'rq:claim:' .. claim, job.id, 'PX', claim_ttl)
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

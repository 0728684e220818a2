-- Submission ---------------------------------------------------------------------------------------------------

-- The number of arguments of one job: id, task, model, key of the model's wake-up list, request_json, images, cost,
-- priority, max_attempts, deadline_ms, id of the job that this one retries, webhook events separated by spaces, webhook
-- host, ids of assets separated by spaces, batch_id, batch_json, door, traceparent. '' for none.
local JOB_ARGUMENTS = 18

-- Read a job from the arguments that begin at `first`. Returns its record and the key of the model's wake-up list.
local function read_new_job(tenant, first)
  local id, task, model, wake, request, images, cost, priority, max_attempts, deadline, retried_from, events, host, assets,
    batch_id, batch_json, door, traceparent = unpack(ARGV, first, first + JOB_ARGUMENTS - 1)
  local job = {
    id = id,
    tenant = tenant,
    task = task,
    model = model,
    status = 'queued',
    version = '0',
    request_json = request,
    images = images,
    priority = priority,
    created_ms = format_int(NOW),
    max_attempts = max_attempts,
    cost = cost,
  }
  if deadline ~= '' then
    job.deadline_at_ms = format_int(NOW + deadline)
  end
  if retried_from ~= '' then
    job.retried_from = retried_from
  end
  if events ~= '' then
    job.webhook_events, job.webhook_host = events, host
  end
  if assets ~= '' then
    job.assets = assets
  end
  if batch_id ~= '' then
    job.batch_id, job.batch_json = batch_id, batch_json
  end
  if door ~= '' then
    job.door = door
  end
  if traceparent ~= '' then
    job.traceparent = traceparent
  end
  return job, wake
end

-- All keys of a tenant that new jobs change, whatever their models.
local function check_submitter(tenant)
  check_zsets('rq:jobs:' .. tenant, 'rq:deadlines')
  check_hashes('rq:models')
  check_counters('rq:sequence')
end

-- All keys of a model's queue that new jobs change or whose positions are read.
local function check_new_jobs(model, tenant, wake)
  check_queue(model, tenant)
  check_position(model)
  check_lists(wake)
end

-- Return whether the tenant has a job's assets.
local function has_assets(job)
  for asset in string.gmatch(job.assets or '', '%S+') do
    if redis.call('EXISTS', asset_key(job.tenant, asset)) == 0 then
      return false
    end
  end
  return true
end

-- Why a tenant may not add `count` jobs; nil if it may.
local function limit_reached(tenant, count, limit, limit_per_tenant)
  if tonumber(redis.call('HGET', 'rq:queued-by-tenant', tenant) or 0) + count > limit_per_tenant then
    return 'quota_exceeded'
  end
  if tonumber(redis.call('GET', 'rq:queued') or 0) + count > limit then
    return 'queue_full'
  end
end

-- Refer to what was accepted by the idempotency key, if there is one.
local function remember_submission(tenant, key, fingerprint, ttl, id)
  if key ~= '' then
    redis.call('SET', idempotency_key(tenant, key), id .. ' ' .. fingerprint, 'PX', ttl)
  end
end

-- nothing -> queued, for jobs of one tenant, and of one batch if they have one. `wakes`: model -> key of its wake-up list.
local function accept_jobs(tenant, jobs, wakes)
  local sequence = redis.call('INCRBY', 'rq:sequence', #jobs) - #jobs
  local created, in_batch, by_model = {}, {}, {}
  for i, job in ipairs(jobs) do
    job.sequence = format_int(sequence + i)
    append_entry(created, job.created_ms, job.id)
    append_entry(in_batch, job.sequence, job.id)
    by_model[job.model] = by_model[job.model] or {}
    table.insert(by_model[job.model], job)
    if job.deadline_at_ms then
      redis.call('ZADD', 'rq:deadlines', job.deadline_at_ms, job.id)
    end
    retain_assets(tenant, job.assets or '')
  end
  redis.call('ZADD', 'rq:jobs:' .. tenant, unpack(created))
  local batch_id = jobs[1].batch_id
  if batch_id then
    redis.call('ZADD', batch_key(batch_id), unpack(in_batch))
    redis.call('ZADD', 'rq:batches:' .. tenant, 0, batch_id)
  end
  for model, of_model in pairs(by_model) do
    redis.call('HSET', 'rq:models', model, wakes[model])
    enqueue(model, tenant, of_model)
  end
  for _, job in ipairs(jobs) do
    update_job(job, job)
  end
end

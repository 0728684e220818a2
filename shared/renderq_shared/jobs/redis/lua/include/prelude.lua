-- Shared by the scripts of the job store. The loader inserts it between `redis/lua/base.lua` and the script, and
-- replaces includes by the files.
--
-- Keys
--   rq:job:ID                   hash   a job: the fields of JobRecord as text (absent: none), and internal fields:
--                                      remaining_cost (part of the cost that the worker has not yet done), charge (of
--                                      the last attempt), unstarted_losses (lost leases
--                                      before rendering had started), place (score in the queue, if it was moved),
--                                      requeued_by and ended_by (claims, so that a repeat gets the
--                                      first result), webhook_host, webhook_events and assets (separated by spaces)
--   rq:jobs:TENANT              zset   a tenant's jobs by creation
--   rq:batch:ID                 zset   jobs of a batch that Redis has, by sequence
--   rq:batches:TENANT           zset   a tenant's batches that Redis has jobs of; all scores are 0, ids sort by creation
--   rq:idempotency:L:TENANT:K   string job or batch id and fingerprint; L, the tenant's length, makes the key unambiguous
--   rq:queue:MODEL:TENANT       zset   queued jobs by place: (10 - priority) * 2^42 + sequence, or what `move` made of it
--   rq:active:MODEL             zset   tenants with queued jobs that are not paused, by virtual time
--   rq:virtual:MODEL            hash   tenant -> virtual time, kept while it has no queued jobs
--   rq:weights                  hash   tenant -> weight, if it is not 1
--   rq:paused-models            set    paused models
--   rq:paused-tenants           set    paused tenants
--   rq:chosen-models            hash   tenant -> model that it chose through a door
--   rq:virtual-now              hash   model -> current virtual time: that of the last claimed job's tenant
--   rq:oldest:MODEL             zset   queued jobs by creation
--   rq:queued                   string number of queued jobs
--   rq:queued-cost              hash   model -> cost of its queued jobs
--   rq:remaining-cost           hash   model -> remaining cost of its claimed jobs
--   rq:queued-by-tenant         hash   tenant -> number of queued jobs
--   rq:models                   hash   model -> key of its wake-up list
--   rq:leases                   zset   running and canceling jobs by the end of their lease
--   rq:claimed:WORKER           set    running and canceling jobs of a worker
--   rq:deadlines                zset   queued and running jobs with a deadline, by it
--   rq:claim:CLAIM              string id of the claimed job
--   rq:delivery:ID              hash   a webhook delivery: the fields of DeliveryRecord as text, host, and completed_by
--                                      (claim, so that a repeat gets the first result)
--   rq:delivery-queue:L:TENANT:HOST  zset  waiting deliveries by due time; L is the tenant's length
--   rq:delivery-hosts:TENANT    zset   hosts by the time of their turn
--   rq:delivery-tenants         zset   tenants by the time of their turn
--   rq:delivering               zset   deliveries in flight by the end of their lease
--   rq:delivering-to:TENANT     hash   host -> number of deliveries in flight; * for all
--   rq:delivery-claim:CLAIM     string ids of the claimed deliveries
--   rq:pending-deliveries       zset   deliveries that are neither delivered nor given up, by the time since which they are
--   rq:unarchived-deliveries    zset   ended deliveries of jobs that only the history has, to write there, by due time
--   rq:worker:ID                hash   a live worker: the fields of WorkerRecord as text, and drain_requested (1,
--                                      since `drain_worker`)
--   rq:workers                  zset   live workers by the end of their registration
--   rq:apis                     zset   live API processes by the end of their registration
--   rq:histories                hash   API process -> id of its history
--   rq:served:MODEL             zset   live workers that serve a model, by the end of their registration
--   rq:unarchived               zset   ended jobs to write to the history and the object store, by due time
--   rq:archived                 zset   ended jobs that the history has, by their end (later: when to look again)
--   rq:archived-assets:ID:TENANT  string ids of the assets of a job that only the history has
--   rq:asset:ID:TENANT          hash   an asset: the fields of AssetRecord as text (reference_count absent: 0)
--   rq:assets                   zset   unreferenced assets, as ID:TENANT, by last use
--   rq:removals                 zset   prefixes to remove from the object store, by due time
--   rq:removal-attempts         hash   prefix -> times that its removal was handed out, until it is confirmed
--   rq:late-removals            zset   later removals: second ones of jobs, and those of reserved assets
--   rq:deleted:ID               string tenant that deleted the job; has a TTL
--   rq:purges                   zset   tenants whose data is being deleted, by the end of the purge's lease
--   rq:purge:DIGEST             hash   a purge: the fields of PurgeRecord as text (jobs, assets absent: 0), by the SHA-1 of
--                                      its tenant; has a TTL after its end
--   rq:visitor-jobs             hash   job of a visitor -> tenant, until a submission finds that the job has ended
--   rq:visitor-count:ADDRESS    string number of jobs of the visitors of an address, by its pseudonym; has a TTL
--   rq:timings:MODEL            list   timing samples of the latest finished jobs, newest first:
--                                      "DEVICE_SHARE_MS DEVICE_WALL_MS LOAD_MS WALL_MS COST IMAGES DEVICE"
--   rq:dead-letters             list   messages of the wake-up lists that are no wake-ups, newest first; set by workers
--   rq:sequence                 string last sequence number
--   rq:swept                    hash   time and server of the last sweep
--   rq:load                     hash   the minute that sweeps now measure: the fields of LoadMinute (counts absent: 0)
--   rq:unreported               list   ended jobs that no sweep has reported, newest first, as JSON lists: id, tenant, model,
--                                      task, status, attempt, created, started and completed in ms, error_json
--   rq:load-minutes             list   the last 1440 minutes in which there were jobs, newest first:
--                                      "STARTED_MS QUEUED RUNNING SUCCEEDED FAILED CANCELED EXPIRED"
-- Names of models and ids contain no colon.

local TERMINAL = { succeeded = true, failed = true, canceled = true, expired = true }

-- The channel of a job's previews.
local function previews(id)
  return 'rq:previews:' .. id
end

local function idempotency_key(tenant, key)
  return 'rq:idempotency:' .. #tenant .. ':' .. tenant .. ':' .. key
end

-- The job's fields, or nil.
local function load_job(id)
  return load_hash('rq:job:' .. id)
end

-- The fields of an ended job, or nil.
local function load_ended_job(id)
  local job = load_job(id)
  return job and TERMINAL[job.status] and job or nil
end

-- Look up an idempotency key: outcome, job (nil if Redis no longer has it) and its id, or nothing for a new key.
local function find_idempotent(tenant, key, fingerprint)
  local earlier = key ~= '' and redis.call('GET', idempotency_key(tenant, key))
  if earlier then
    local id, before = string.match(earlier, '^(%S+) (%S+)$')
    if before ~= fingerprint then
      return 'key_reused'
    end
    return 'replayed', load_job(id), id
  end
end

-- include outbox.lua
-- include assets.lua
-- include purges.lua

-- Write `fields`, delete `cleared`, increment the version, publish the job, and put its event into the outbox.
local function update_job(job, fields, cleared)
  fields.version = format_int(job.version + 1)
  local write = { 'HSET', 'rq:job:' .. job.id }
  for field, value in pairs(fields) do
    write[#write + 1] = field
    write[#write + 1] = value
    job[field] = value
  end
  redis.call(unpack(write))
  if cleared then
    local drop = { 'HDEL', 'rq:job:' .. job.id }
    for _, field in ipairs(cleared) do
      if job[field] then
        drop[#drop + 1] = field
        job[field] = nil
      end
    end
    if #drop > 2 then
      redis.call(unpack(drop))
    end
  end
  redis.call('PUBLISH', 'rq:changes', cjson.encode(job))
  if EVENTS[fields.status] then
    enqueue_event(job, EVENTS[fields.status])
  end
end

-- include fair_queue.lua
-- include job_queue.lua
-- include key_types.lua
-- include batches.lua
-- include submission.lua
-- include visitors.lua
-- include load.lua

-- Workers ------------------------------------------------------------------------------------------------------

-- Live workers, each as flat pairs: only its id if its key has the wrong type, which no other worker shall notice.
local function live_workers()
  local workers = {}
  for _, id in ipairs(redis.call('ZRANGE', 'rq:workers', '(' .. NOW, '+inf', 'BYSCORE')) do
    local flat = redis.pcall('HGETALL', 'rq:worker:' .. id)
    workers[#workers + 1] = flat.err and { 'id', id } or flat
  end
  return workers
end

-- Whether `drain_worker` was called for a live worker.
local function is_drain_requested(id)
  return redis.call('HGET', 'rq:worker:' .. id, 'drain_requested') == '1'
end

-- The models of a worker's last registration.
local function registered_models(id)
  local models = redis.call('HGET', 'rq:worker:' .. id, 'models_json')
  return models and cjson.decode(models) or {}
end

-- All keys that a worker with these models changes.
local function check_worker(models)
  check_zsets('rq:workers')
  for _, model in ipairs(models) do
    check_zsets('rq:served:' .. model)
  end
end

local function unregister_models(id, models)
  for _, model in ipairs(models) do
    redis.call('ZREM', 'rq:served:' .. model, id)
  end
end

-- Retention ----------------------------------------------------------------------------------------------------

-- Publish "ID TENANT" of a job that no longer exists anywhere, unless `delete` has done so.
local function publish_deletion(tenant, id)
  if redis.call('EXISTS', 'rq:deleted:' .. id) == 0 then
    redis.call('PUBLISH', 'rq:deletions', id .. ' ' .. tenant)
  end
end

-- Delete a job; scheduled removals stay.
local function delete_job(job)
  delete_deliveries(job.id, job.images)
  release_assets(job.tenant, job.assets or '')
  redis.call('DEL', 'rq:job:' .. job.id)
  redis.call('ZREM', 'rq:jobs:' .. job.tenant, job.id)
  redis.call('ZREM', 'rq:unarchived', job.id)
  redis.call('ZREM', 'rq:archived', job.id)
  leave_batch(job)
end

local function archived_assets_key(tenant, id)
  return 'rq:archived-assets:' .. id .. ':' .. tenant
end

-- Drop the record of a job that the history has. Its assets stay, and its deliveries until the history has them.
local function release_job(job)
  if job.assets then
    redis.call('SET', archived_assets_key(job.tenant, job.id), job.assets)
  end
  redis.call('DEL', 'rq:job:' .. job.id)
  redis.call('ZREM', 'rq:jobs:' .. job.tenant, job.id)
  leave_batch(job)
  release_deliveries(job)
end

-- Drop the references of a job that only the history had.
local function release_archived_assets(tenant, id)
  local key = archived_assets_key(tenant, id)
  release_assets(tenant, redis.call('GET', key) or '')
  redis.call('DEL', key)
end

-- Write an ended job to the history, again if it has changed.
local function schedule_archive(id)
  redis.call('ZADD', 'rq:unarchived', format_int(NOW), id)
  redis.call('ZREM', 'rq:archived', id)
end

-- Schedule the removal of a job's or a claim's files: now, and again in an hour, because a worker that had lost its
-- connection may write files in between.
local function schedule_removal(prefix)
  redis.call('ZADD', 'rq:removals', format_int(NOW), prefix)
  redis.call('ZADD', 'rq:late-removals', format_int(NOW + 3600000), prefix)
end

-- Transitions --------------------------------------------------------------------------------------------------

-- Remove the job's lease and its remaining cost.
local function release_claim(job)
  redis.call('ZREM', 'rq:leases', job.id)
  if job.remaining_cost then
    set_remaining_cost(job, 0)
  end
  if job.worker then
    redis.call('SREM', 'rq:claimed:' .. job.worker, job.id)
  end
end

-- The number of ended jobs that wait for a sweep; while none runs, the oldest are dropped.
local MAX_ENDED = 10000

-- Have the next sweep report an ended job.
local function report_end(job)
  local entry = { job.id, job.tenant, job.model, job.task, job.status, job.attempt or '0', job.created_ms,
    job.started_ms or '', job.completed_ms, job.error_json or '' }
  redis.call('LPUSH', 'rq:unreported', cjson.encode(entry))
  redis.call('LTRIM', 'rq:unreported', 0, MAX_ENDED - 1)
end

-- Any non-terminal status -> the terminal `status`. The next sweep reports it, unless a worker does.
local function end_job(job, status, fields, is_reported)
  if job.status == 'queued' then
    dequeue(job.model, job.tenant, job.id, job.cost)
  end
  release_claim(job)
  redis.call('ZREM', 'rq:deadlines', job.id)
  fields.status = status
  fields.completed_ms = format_int(NOW)
  schedule_archive(job.id)
  count_end(status)
  update_job(job, fields, { 'stage', 'remaining_cost' })
  if not is_reported then
    report_end(job)
  end
end

-- queued -> canceled, running -> canceling; other states stay. Tells the worker of a running job.
local function cancel_job(job)
  if job.status == 'queued' then
    end_job(job, 'canceled', {})
  elseif job.status == 'running' then
    redis.call('ZREM', 'rq:deadlines', job.id)
    update_job(job, { status = 'canceling' })
    redis.call('PUBLISH', 'rq:cancels', job.id .. ' ' .. job.claim_id)
  end
end

-- running -> queued at the old position. The attempt is not charged; only its number stays.
local function requeue_job(job, fields)
  release_claim(job)
  schedule_removal('jobs/' .. job.id .. '/' .. job.claim_id .. '/')
  adjust_charge(job, 0)
  enqueue(job.model, job.tenant, { job })
  fields.status = 'queued'
  update_job(job, fields, {
    'charge', 'remaining_cost', 'claim_id', 'worker', 'stage', 'progress_json', 'outputs_json', 'grid_json',
    'warnings_json', 'metrics_json', 'runtime_json',
  })
end

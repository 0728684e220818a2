-- Shared by the scripts of the job store. The loader inserts it between `redis/lua/base.lua` and the script, and
-- replaces includes by the files.
--
-- Keys
--   rq:job:ID                   hash   a job: the fields of JobRecord as text (absent: none), and internal fields:
--                                      remaining_cost (part of the cost that the worker has not yet done), charge (of
--                                      the last attempt), requeued_by and ended_by (claims, so that a repeat gets the
--                                      first result), webhook_host, webhook_events and assets (separated by spaces)
--   rq:jobs:TENANT              zset   a tenant's jobs by creation
--   rq:idempotency:L:TENANT:K   string job id and fingerprint; L, the tenant's length, makes the key unambiguous
--   rq:queue:MODEL:TENANT       zset   queued jobs by (10 - priority) * 2^42 + sequence
--   rq:active:MODEL             zset   tenants with queued jobs that are not paused, by virtual time
--   rq:virtual:MODEL            hash   tenant -> virtual time, kept while it has no queued jobs
--   rq:weights                  hash   tenant -> weight, if it is not 1
--   rq:paused-models            set    paused models
--   rq:paused-tenants           set    paused tenants
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
--   rq:worker:ID                hash   a live worker: the fields of WorkerRecord as text
--   rq:workers                  zset   live workers by the end of their registration
--   rq:served:MODEL             zset   live workers that serve a model, by the end of their registration
--   rq:ended                    zset   ended jobs whose outputs have not expired, by their end
--   rq:outputs-expired          zset   ended jobs whose outputs have expired, by their end
--   rq:manifests                zset   ended jobs whose manifest is to be written to the object store, by due time
--   rq:asset:ID:TENANT          hash   an asset: the fields of AssetRecord as text (reference_count absent: 0)
--   rq:assets                   zset   unreferenced assets, as ID:TENANT, by last use
--   rq:removals                 zset   prefixes to remove from the object store, by due time
--   rq:late-removals            zset   later removals: second ones of jobs, and those of reserved assets
--   rq:deleted:ID               string tenant that deleted the job; has a TTL
--   rq:timings:MODEL            list   timing samples of the latest finished jobs, newest first:
--                                      "DEVICE_SHARE_MS DEVICE_WALL_MS LOAD_MS WALL_MS COST IMAGES DEVICE"
--   rq:sequence                 string last sequence number
--   rq:swept                    hash   time and server of the last sweep
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

-- Look up an idempotency key, as `submit` returns it: outcome and job (nil if deleted), or nothing for a new key.
local function find_idempotent(tenant, key, fingerprint)
  local earlier = key ~= '' and redis.call('GET', idempotency_key(tenant, key))
  if earlier then
    local id, before = string.match(earlier, '^(%S+) (%S+)$')
    if before ~= fingerprint then
      return 'key_reused'
    end
    return 'replayed', load_job(id)
  end
end

-- include outbox.lua
-- include assets.lua

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

-- Workers ------------------------------------------------------------------------------------------------------

-- Live workers, each as flat pairs.
local function live_workers()
  local workers = {}
  for _, id in ipairs(redis.call('ZRANGE', 'rq:workers', '(' .. NOW, '+inf', 'BYSCORE')) do
    workers[#workers + 1] = redis.call('HGETALL', 'rq:worker:' .. id)
  end
  return workers
end

-- Remove a worker from the models of its last registration.
local function unregister_models(id)
  local models = redis.call('HGET', 'rq:worker:' .. id, 'models_json')
  for _, model in ipairs(models and cjson.decode(models) or {}) do
    redis.call('ZREM', 'rq:served:' .. model, id)
  end
end

-- Retention ----------------------------------------------------------------------------------------------------

-- Delete a job; scheduled removals stay.
local function delete_job(job)
  delete_deliveries(job)
  release_assets(job.tenant, job.assets or '')
  redis.call('DEL', 'rq:job:' .. job.id)
  redis.call('ZREM', 'rq:jobs:' .. job.tenant, job.id)
  redis.call('ZREM', 'rq:ended', job.id)
  redis.call('ZREM', 'rq:outputs-expired', job.id)
end

-- Schedule the removal of a job's or a claim's files: now, and again in an hour, because a worker that had lost its
-- connection may write files in between.
local function schedule_removal(prefix)
  redis.call('ZADD', 'rq:removals', format_int(NOW), prefix)
  redis.call('ZADD', 'rq:late-removals', format_int(NOW + 3600000), prefix)
end

-- Schedule the removal of a job's images and manifest.
local function remove_outputs(id)
  redis.call('ZREM', 'rq:manifests', id)
  schedule_removal('jobs/' .. id .. '/')
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

-- Any non-terminal status -> the terminal `status`.
local function end_job(job, status, fields)
  if job.status == 'queued' then
    dequeue(job.model, job.tenant, job.id, job.cost)
  end
  release_claim(job)
  redis.call('ZREM', 'rq:deadlines', job.id)
  fields.status = status
  fields.completed_ms = format_int(NOW)
  redis.call('ZADD', 'rq:ended', fields.completed_ms, job.id)
  redis.call('ZADD', 'rq:manifests', fields.completed_ms, job.id)
  update_job(job, fields, { 'stage', 'remaining_cost' })
end

-- running -> queued at the old position. The attempt is not charged; only its number stays.
local function requeue_job(job, fields)
  release_claim(job)
  schedule_removal('jobs/' .. job.id .. '/' .. job.claim_id .. '/')
  adjust_charge(job, 0)
  enqueue(job)
  fields.status = 'queued'
  update_job(job, fields, {
    'charge', 'remaining_cost', 'claim_id', 'worker', 'stage', 'progress_json', 'outputs_json', 'grid_json',
    'warnings_json', 'metrics_json', 'runtime_json',
  })
end

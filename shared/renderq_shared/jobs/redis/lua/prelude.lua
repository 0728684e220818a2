-- Shared by the scripts of the job store; the loader puts it between `redis/lua/base.lua` and the script, and included files
-- into their place.
--
-- Keys
--   rq:job:ID                  hash   a job: the fields of JobRecord as text (absent: none), and the store's own:
--                                     cost (estimate), remaining_cost (what of it a worker still has to do), charge (what
--                                     fairness charged for the last attempt),
--                                     handed_back_by, ended_by (claims, so that a repeat finds its first answer),
--                                     webhook_events (those that its webhook is told, apart by spaces), webhook_host,
--                                     assets (those that it names, apart by spaces)
--   rq:jobs:TENANT             zset   a tenant's jobs by creation
--   rq:idempotency:L:TENANT:K  string job id and fingerprint; L is the tenant's length, so that no key can be forged
--   rq:queue:MODEL:TENANT      zset   queued jobs by (10 - priority) * 2^42 + sequence
--   rq:active:MODEL            zset   tenants with queued jobs that are not paused, by virtual time
--   rq:virtual:MODEL           hash   tenant -> virtual time, kept while it has nothing queued
--   rq:weights                 hash   tenant -> its weight, if it is not 1
--   rq:paused-models           set    models whose jobs nobody is given
--   rq:paused-tenants          set    the same of tenants
--   rq:virtual-now             hash   model -> its current virtual time: that of the last job taken, when taken
--   rq:oldest:MODEL            zset   queued jobs by creation
--   rq:queued                  string queued jobs in all
--   rq:queued-cost             hash   model -> cost of its queued jobs
--   rq:remaining-cost               hash   model -> what workers still have to do of the jobs that they hold
--   rq:queued-by-tenant        hash   tenant -> queued jobs
--   rq:models                  hash   model -> the list that holds its wake-ups
--   rq:leases                  zset   running and canceling jobs by the end of their lease
--   rq:claimed:WORKER             set    those of one worker
--   rq:deadlines               zset   queued and running jobs that have a deadline, by it
--   rq:claim:CLAIM             string the job that a claim took
--   rq:delivery:ID             hash   an event that a webhook is told: the fields of DeliveryRecord as text, and host,
--                                     completed_by (claim, so that a repeat finds its first answer)
--   rq:delivery-queue:L:TENANT:HOST      zset   deliveries that wait, by when they are due; L is the tenant's length
--   rq:delivery-hosts:TENANT   zset   hosts whose queue has its turn, by when
--   rq:delivery-tenants        zset   tenants that have their turn, by when
--   rq:delivering              zset   deliveries that a sender holds, by the end of its lease
--   rq:delivering-to:TENANT    hash   host -> how many of them; * for all
--   rq:delivery-claim:CLAIM    string the deliveries that a claim took
--   rq:worker:ID, rq:workers, rq:served:MODEL   live workers, and by model, by the end of their registration
--   rq:ended                   zset   ended jobs that keep their pictures, by their end
--   rq:outputs-expired                 zset   ended jobs that do not any more, by their end
--   rq:manifests               zset   ended jobs whose manifest is to be written to the object store, by when
--   rq:asset:ID:TENANT         hash   an asset: the fields of AssetRecord as text (reference_count: jobs that name it; absent: none)
--   rq:assets                  zset   assets that no job names, as ID:TENANT, by last use
--   rq:removals                zset   prefixes that are to be removed from the object store, by when
--   rq:late-removals           zset   the same, later: jobs' for a second time, and assets' that are expected
--   rq:deleted:ID              string the tenant that deleted the job, for a while
--   rq:timings:MODEL           list   what its latest finished jobs took:
--                                     "DEVICE_SHARE_MS DEVICE_WALL_MS LOAD_MS WALL_MS COST IMAGES DEVICE"
--   rq:sequence                string last place given
--   rq:swept                   hash   time and server of the last sweep
-- Neither a model's name nor an id holds a colon.

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
  local flat = redis.call('HGETALL', 'rq:job:' .. id)
  if #flat > 0 then
    return pairs_to_map(flat)
  end
end

-- What an idempotency key stands for, as `submit` answers: an outcome and a job (nil once forgotten), or nothing.
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

-- Write `fields`, drop `cleared`, count the change, publish it and file it for the webhook: once per change of a job.
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

-- include fairness.lua
-- include queue.lua
-- Live workers, each as flat pairs.
local function live_workers()
  local found = {}
  for _, id in ipairs(redis.call('ZRANGE', 'rq:workers', '(' .. NOW, '+inf', 'BYSCORE')) do
    found[#found + 1] = redis.call('HGETALL', 'rq:worker:' .. id)
  end
  return found
end

-- A worker no longer serves what it last said it served.
local function unregister_models(id)
  local models = redis.call('HGET', 'rq:worker:' .. id, 'models_json')
  for _, model in ipairs(models and cjson.decode(models) or {}) do
    redis.call('ZREM', 'rq:served:' .. model, id)
  end
end

-- Retention ----------------------------------------------------------------------------------------------------

-- Nothing of the job stays but what is noted for removal.
local function delete_job(job)
  delete_deliveries(job)
  release_assets(job.tenant, job.assets or '')
  redis.call('DEL', 'rq:job:' .. job.id)
  redis.call('ZREM', 'rq:jobs:' .. job.tenant, job.id)
  redis.call('ZREM', 'rq:ended', job.id)
  redis.call('ZREM', 'rq:outputs-expired', job.id)
end

-- Note that what a job or one of its claims has written is to be removed: now, and once more in an hour, because a
-- worker that was cut off may write some after that.
local function schedule_removal(prefix)
  redis.call('ZADD', 'rq:removals', format_int(NOW), prefix)
  redis.call('ZADD', 'rq:late-removals', format_int(NOW + 3600000), prefix)
end

-- The job's pictures are to be removed. The manifest goes with them.
local function remove_outputs(id)
  redis.call('ZREM', 'rq:manifests', id)
  schedule_removal('jobs/' .. id .. '/')
end

-- Transitions --------------------------------------------------------------------------------------------------

-- No worker holds the job any more.
local function release_claim(job)
  redis.call('ZREM', 'rq:leases', job.id)
  if job.remaining_cost then
    set_remaining_cost(job, 0)
  end
  if job.worker then
    redis.call('SREM', 'rq:claimed:' .. job.worker, job.id)
  end
end

-- Any status but a terminal one -> `status`, for good.
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

-- running -> queued at the old place; the attempt is not charged, and nothing of it stays but its number.
local function requeue_job(job, fields)
  release_claim(job)
  schedule_removal('jobs/' .. job.id .. '/' .. job.claim_id .. '/')
  adjust_charge(job, 0)
  enqueue(job)
  fields.status = 'queued'
  update_job(job, fields, {
    'charge', 'remaining_cost', 'claim_id', 'worker', 'stage', 'progress_json', 'outputs_json', 'grid_json', 'warnings_json',
    'metrics_json', 'runtime_json',
  })
end

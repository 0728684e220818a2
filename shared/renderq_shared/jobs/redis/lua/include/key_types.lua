-- Types of keys ------------------------------------------------------------------------------------------------
-- A script is not rolled back: a key of the wrong type, written by a person or another program, would end it after some
-- of its writes. So each transition of a job first reads all keys that it may write to.

local function check_zsets(...)
  for _, key in ipairs({ ... }) do
    redis.call('ZCARD', key)
  end
end

local function check_hashes(...)
  for _, key in ipairs({ ... }) do
    redis.call('HGET', key, '')
  end
end

local function check_sets(...)
  for _, key in ipairs({ ... }) do
    redis.call('SISMEMBER', key, '')
  end
end

local function check_lists(...)
  for _, key in ipairs({ ... }) do
    redis.call('LLEN', key)
  end
end

local function check_counters(...)
  for _, key in ipairs({ ... }) do
    if not string.find(redis.call('GET', key) or '0', '^-?%d+$') then
      refuse_key(key)
    end
  end
end

-- All keys of a tenant's queue of a model.
local function check_queue(model, tenant)
  check_zsets('rq:queue:' .. model .. ':' .. tenant, 'rq:active:' .. model, 'rq:oldest:' .. model)
  check_hashes('rq:virtual:' .. model, 'rq:virtual-now', 'rq:weights', 'rq:queued-cost', 'rq:queued-by-tenant')
  check_sets('rq:paused-tenants')
  check_counters('rq:queued')
end

-- All keys from which positions in the queue of a model are read, in addition to those of the queue.
local function check_position(model)
  check_zsets('rq:served:' .. model)
  check_hashes('rq:remaining-cost')
  check_sets('rq:paused-models')
end

-- All keys of the outbox that a delivery to a host changes.
local function check_outbox(tenant, host)
  check_zsets(delivery_queue(tenant, host), 'rq:delivery-hosts:' .. tenant, 'rq:delivery-tenants', 'rq:delivering')
  check_zsets('rq:unarchived-deliveries', 'rq:pending-deliveries')
  check_hashes('rq:delivering-to:' .. tenant)
end

-- The deliveries of a job, and all keys of the outbox that they change.
local function check_deliveries(job_id, images)
  for _, id in ipairs(delivery_ids(job_id, images)) do
    local delivery = load_delivery(id)
    if delivery then
      check_outbox(delivery.tenant, delivery.host)
    end
  end
end

-- Assets, separated by spaces.
local function check_assets(tenant, ids)
  for id in string.gmatch(ids, '%S+') do
    check_hashes(asset_key(tenant, id))
  end
  check_zsets('rq:assets')
end

-- All keys to which scheduled removals are written.
local function check_removals()
  check_zsets('rq:removals', 'rq:late-removals')
end

-- All keys that a transition of a job changes.
local function check_job(job)
  check_queue(job.model, job.tenant)
  check_zsets('rq:jobs:' .. job.tenant, 'rq:leases', 'rq:deadlines', 'rq:unarchived', 'rq:archived')
  check_hashes('rq:remaining-cost', 'rq:load')
  check_lists('rq:unreported')
  check_removals()
  if job.worker then
    check_sets('rq:claimed:' .. job.worker)
  end
  if job.webhook_host then
    check_outbox(job.tenant, job.webhook_host)
  end
end

-- All keys that the next transitions of these jobs change. Unknown and ended ones have none.
local function check_jobs(ids)
  for _, id in ipairs(ids) do
    local job = load_job(id)
    if job and not TERMINAL[job.status] then
      check_job(job)
    end
  end
end

-- All keys of every model.
local function check_models()
  check_sets('rq:paused-models', 'rq:paused-tenants')
  for model, wake in pairs(pairs_to_map(redis.call('HGETALL', 'rq:models'))) do
    check_zsets('rq:active:' .. model, 'rq:oldest:' .. model, 'rq:served:' .. model)
    check_hashes('rq:virtual:' .. model)
    check_lists(wake, 'rq:timings:' .. model)
  end
end

#!lua
-- Accept a job, once per id.
--
-- ARGV: id, tenant, task, model, request_json, images, cost, priority, max_attempts, deadline_ms ('' for none), limit
--       of queued jobs in total, limit per tenant, key of the model's wake-up list, idempotency key ('' for none),
--       fingerprint, TTL of the idempotency key in ms, id of the job that this one retries ('' for none), webhook
--       events separated by spaces, webhook host, weight of the tenant, ids of assets separated by spaces
-- Returns {outcome, pending wake-ups, job as flat pairs or nothing, {jobs ahead, served, paused, cost ahead}}, the
--         position only while queued.
-- Atomic: idempotency key, limits, record, index, queue position, references to assets. A full server refuses it.

local id, tenant, task, model, request, images, cost, priority, max_attempts, deadline =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local limit, limit_per_tenant, wake = tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13]
local key, fingerprint, key_ttl, assets = ARGV[14], ARGV[15], ARGV[16], ARGV[21]

local function result(outcome, job)
  local queued = job and job.status == 'queued'
  return { outcome, redis.call('LLEN', wake), job and map_to_pairs(job) or {}, queued and queue_position(job) or nil }
end

local known = load_job(id)
if known then
  return result('accepted', known)
end

local outcome, earlier = find_idempotent(tenant, key, fingerprint)
if outcome then
  return result(outcome, earlier)
end

for asset in string.gmatch(assets, '%S+') do
  if redis.call('EXISTS', asset_key(tenant, asset)) == 0 then
    return result('asset_not_found')
  end
end

if tonumber(redis.call('HGET', 'rq:queued-by-tenant', tenant) or 0) >= limit_per_tenant then
  return result('quota_exceeded')
end
if tonumber(redis.call('GET', 'rq:queued') or 0) >= limit then
  return result('queue_full')
end

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
  sequence = format_int(redis.call('INCR', 'rq:sequence')),
  created_ms = format_int(NOW),
  max_attempts = max_attempts,
  cost = cost,
}
if deadline ~= '' then
  job.deadline_at_ms = format_int(NOW + deadline)
  redis.call('ZADD', 'rq:deadlines', job.deadline_at_ms, id)
end
if ARGV[17] ~= '' then
  job.retried_from = ARGV[17]
end
if ARGV[18] ~= '' then
  job.webhook_events, job.webhook_host = ARGV[18], ARGV[19]
end
if assets ~= '' then
  job.assets = assets
  retain_assets(tenant, assets)
end
if key ~= '' then
  redis.call('SET', idempotency_key(tenant, key), id .. ' ' .. fingerprint, 'PX', key_ttl)
end
set_weight(tenant, tonumber(ARGV[20]))
redis.call('HSET', 'rq:models', model, wake)
redis.call('ZADD', 'rq:jobs:' .. tenant, job.created_ms, id)
enqueue(job)
update_job(job, job)
return result('accepted', job)

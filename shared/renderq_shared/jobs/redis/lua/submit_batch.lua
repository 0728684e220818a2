#!lua
-- Accept all jobs of a batch, once per batch, or none.
--
-- ARGV: id of the batch, tenant, limit of queued jobs in total, limit per tenant, idempotency key ('' for none),
--       fingerprint, TTL of the idempotency key in ms, weight of the tenant, then the arguments of each job
-- Returns {outcome, id of the accepted or replayed batch or '', queues, index of the first job without its assets or ''}.
--         Queues are {model, pending wake-ups, paused} of an accepted batch.
-- Atomic: idempotency key, limits, and all jobs: records, indexes, queue positions, references to assets. A full server
--         refuses it. Takes some 20 us per job of 400 bytes.

local FIRST = 9
local batch_id, tenant, limit, limit_per_tenant = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local key, fingerprint, key_ttl, new_weight = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])

local jobs, wakes = {}, {}
for first = FIRST, #ARGV, JOB_ARGUMENTS do
  local job, wake = read_new_job(tenant, first)
  jobs[#jobs + 1], wakes[job.model] = job, wake
end

local function result(outcome, known_id, missing_asset_of)
  local queues = {}
  for model, wake in pairs(outcome == 'accepted' and wakes or {}) do
    queues[#queues + 1] = { model, redis.call('LLEN', wake), is_paused(model, tenant) and 1 or 0 }
  end
  return { outcome, known_id or '', queues, missing_asset_of or '' }
end

if redis.call('EXISTS', batch_key(batch_id)) == 1 then
  return result('accepted', batch_id)
end

if is_purged(tenant) then
  return result('purge_in_progress')
end

local outcome, _, earlier_id = find_idempotent(tenant, key, fingerprint)
if outcome then
  return result(outcome, earlier_id)
end

check_submitter(tenant)
check_batch(jobs[1])
for model, wake in pairs(wakes) do
  check_new_jobs(model, tenant, wake)
end
for i, job in ipairs(jobs) do
  if job.assets then
    check_assets(tenant, job.assets)
  end
  if not has_assets(job) then
    return result('asset_not_found', nil, i - 1)
  end
end
local reached = limit_reached(tenant, #jobs, limit, limit_per_tenant)
if reached then
  return result(reached)
end

remember_submission(tenant, key, fingerprint, key_ttl, batch_id)
set_weight(tenant, new_weight)
accept_jobs(tenant, jobs, wakes)
return result('accepted', batch_id)

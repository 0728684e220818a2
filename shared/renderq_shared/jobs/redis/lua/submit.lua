#!lua
-- Accept a job, once per id.
--
-- ARGV: tenant, limit of queued jobs in total, limit per tenant, idempotency key ('' for none), fingerprint, TTL of the
--       idempotency key in ms, weight of the tenant; of a visitor, else '': pseudonym of its address, limit of the
--       address's jobs, limit of its open jobs, limit of all visitors' open jobs, its end in ms, TTL of the count of the
--       address's jobs in ms; then the arguments of the job
-- Returns {outcome, pending wake-ups, id of the accepted or replayed job or '', job as flat pairs or nothing, {jobs
--         ahead, served, paused, cost ahead}}, the position only while queued. The job of `visitors_full` is the
--         visitors' oldest open one.
-- Atomic: idempotency key, limits, record, index, queue position, references to assets. A full server refuses it.

local tenant, limit, limit_per_tenant = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local key, fingerprint, key_ttl, new_weight = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local visitor = read_visitor(8)
local job, wake = read_new_job(tenant, 14)

local function result(outcome, known, known_id)
  local queued = known and known.status == 'queued'
  return {
    outcome, redis.call('LLEN', wake), known_id or '', known and map_to_pairs(known) or {},
    queued and queue_position(known) or nil,
  }
end

local known = load_job(job.id)
if known then
  return result('accepted', known, known.id)
end

if is_purged(tenant) or visitor and NOW >= visitor.expires_ms then
  return result('purge_in_progress')
end

local outcome, earlier, earlier_id = find_idempotent(tenant, key, fingerprint)
if outcome then
  return result(outcome, earlier, earlier_id)
end

check_submitter(tenant)
check_new_jobs(job.model, tenant, wake)
check_assets(tenant, job.assets or '')
if visitor then
  check_visitor(visitor)
end

if not has_assets(job) then
  return result('asset_not_found')
end
local reached = limit_reached(tenant, 1, limit, limit_per_tenant)
if reached then
  return result(reached)
end
local refused, oldest
if visitor then
  refused, oldest = visitor_refusal(tenant, visitor)
end
if refused then
  return result(refused, oldest, oldest and oldest.id)
end

remember_submission(tenant, key, fingerprint, key_ttl, job.id)
set_weight(tenant, new_weight)
accept_jobs(tenant, { job }, { [job.model] = wake })
if visitor then
  count_visitor_job(tenant, visitor, job.id)
end
return result('accepted', job, job.id)

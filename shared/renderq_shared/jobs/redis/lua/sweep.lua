#!lua flags=allow-oom
-- Expire jobs past their deadline; requeue or fail jobs whose lease expired; measure the load; read the queues.
--
-- ARGV: lease in ms, limit of each kind, error_json of worker_lost, error_json of deadline_exceeded
-- Returns {requeued, lost, canceled, expired, deadline_exceeded (ids), leases extended, queues, more (1 or 0),
--          {model, quarantined (1 or 0)} of each lost lease, ended jobs as JSON, the oldest first}.
-- Atomic: all of it. Bounded, and safe to run concurrently and repeatedly.
--
-- A job whose rendering had not started is requeued as it was, without losing an attempt: it cannot have ended its
-- worker. At most max_attempts times, because a job may end its worker before the worker reports the start.
--
-- A job with a status that this version does not know is left to a newer one, and looked at again after a lease.
--
-- After an outage no lease counts as expired: workers could not renew while this server was down (its run_id is new),
-- and may not have been able to while no sweep ran. Every lease is then extended to a full one. Half a lease without a
-- sweep is an outage: the last renewal may be a third of a lease old when it begins, and the next one takes a moment.

local lease, limit, worker_lost_json, deadline_exceeded_json = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local CLAIMED = { running = true, canceling = true }
local requeued, lost, canceled, expired, deadline_exceeded, extended = {}, {}, {}, {}, {}, 0
local lease_losses = {}

check_zsets('rq:deadlines', 'rq:leases')
check_hashes('rq:load')
check_lists('rq:load-minutes', 'rq:unreported')
check_models()
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local last = redis.call('HMGET', 'rq:swept', 'at_ms', 'server')
local outage = last[2] ~= server or NOW - last[1] > lease / 2

local past_deadline = redis.call('ZRANGE', 'rq:deadlines', '-inf', NOW, 'BYSCORE', 'LIMIT', 0, limit)
local past_lease = outage and {} or redis.call('ZRANGE', 'rq:leases', '-inf', NOW, 'BYSCORE', 'LIMIT', 0, limit)
check_jobs(past_deadline)
check_jobs(past_lease)

for _, id in ipairs(past_deadline) do
  local job = load_job(id)
  if not job or TERMINAL[job.status] then
    redis.call('ZREM', 'rq:deadlines', id)
  elseif job.status == 'queued' then
    end_job(job, 'expired', {})
    expired[#expired + 1] = id
  elseif not CLAIMED[job.status] then
    redis.call('ZADD', 'rq:deadlines', format_int(NOW + lease), id)
  else
    end_job(job, 'failed', { error_json = deadline_exceeded_json })
    redis.call('PUBLISH', 'rq:cancels', id .. ' ' .. job.claim_id)
    deadline_exceeded[#deadline_exceeded + 1] = id
  end
end

local function lose_lease(job)
  if job.status == 'canceling' then
    end_job(job, 'canceled', {})
    return canceled
  end
  local unstarted = (job.unstarted_losses or 0) + 1
  if not job.stage and unstarted <= tonumber(job.max_attempts) then
    requeue_job(job, { unstarted_losses = format_int(unstarted) })
    return requeued
  end
  local lost_leases = (job.lost_leases or 0) + 1
  if lost_leases >= tonumber(job.max_attempts) then
    end_job(job, 'failed', { lost_leases = format_int(lost_leases), error_json = worker_lost_json })
    return lost
  end
  requeue_job(job, { lost_leases = format_int(lost_leases) })
  return requeued
end

if outage then
  for _, id in ipairs(redis.call('ZRANGE', 'rq:leases', '-inf', '(' .. format_int(NOW + lease), 'BYSCORE')) do
    redis.call('ZADD', 'rq:leases', format_int(NOW + lease), id)
    extended = extended + 1
  end
else
  for _, id in ipairs(past_lease) do
    local job = load_job(id)
    if not job or TERMINAL[job.status] or job.status == 'queued' then
      redis.call('ZREM', 'rq:leases', id)
    elseif not CLAIMED[job.status] then
      redis.call('ZADD', 'rq:leases', format_int(NOW + lease), id)
    else
      local list = lose_lease(job)
      list[#list + 1] = id
      lease_losses[#lease_losses + 1] = { job.model, list == requeued and job.lost_leases and 1 or 0 }
    end
  end
end

redis.call('HSET', 'rq:swept', 'at_ms', format_int(NOW), 'server', server)

measure_load()

local ended = {}
for i, entry in ipairs(redis.call('LRANGE', 'rq:unreported', -limit, -1)) do
  table.insert(ended, 1, entry)
end
redis.call('LTRIM', 'rq:unreported', 0, -limit - 1)

local more = #past_deadline >= limit or #past_lease >= limit or #ended >= limit
return { requeued, lost, canceled, expired, deadline_exceeded, extended, queues(), more and 1 or 0, lease_losses, ended }

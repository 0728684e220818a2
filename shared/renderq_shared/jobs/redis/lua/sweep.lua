#!lua flags=allow-oom
-- End what passed its deadline, put back or end what lost its lease, and look at the queues.
--
-- ARGV: lease in ms, limit of each kind, error_json of worker_lost, error_json of deadline_exceeded
-- Returns {requeued, lost, canceled, expired, overdue (ids), leases extended, queues, more (1 or 0)}.
-- Atomic: all of it; bounded, and safe to run anywhere, any number of times.
--
-- After an outage no lease is judged: workers could not renew while this server was away (its run_id is new), and
-- nothing says that they could while nobody swept. Every lease then gets the time of one more lease.

local lease, limit, worker_lost, deadline_exceeded = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local requeued, lost, canceled, expired, overdue, extended = {}, {}, {}, {}, {}, 0

local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local last = redis.call('HMGET', 'rq:swept', 'at_ms', 'server')
local outage = last[2] ~= server or NOW - last[1] > lease
redis.call('HSET', 'rq:swept', 'at_ms', format_int(NOW), 'server', server)

local past_deadline = redis.call('ZRANGE', 'rq:deadlines', '-inf', NOW, 'BYSCORE', 'LIMIT', 0, limit)
for _, id in ipairs(past_deadline) do
  local job = load_job(id)
  if not job or TERMINAL[job.status] then
    redis.call('ZREM', 'rq:deadlines', id)
  elseif job.status == 'queued' then
    end_job(job, 'expired', {})
    expired[#expired + 1] = id
  else
    end_job(job, 'failed', { error_json = deadline_exceeded })
    redis.call('PUBLISH', 'rq:cancels', id .. ' ' .. job.claim_id)
    overdue[#overdue + 1] = id
  end
end

local function lose(job)
  if job.status == 'canceling' then
    end_job(job, 'canceled', {})
    return canceled
  end
  local lost_leases = (job.lost_leases or 0) + 1
  if lost_leases >= tonumber(job.max_attempts) then
    end_job(job, 'failed', { lost_leases = format_int(lost_leases), error_json = worker_lost })
    return lost
  end
  requeue_job(job, { lost_leases = format_int(lost_leases) })
  return requeued
end

local ran_out = {}
if outage then
  for _, id in ipairs(redis.call('ZRANGE', 'rq:leases', '-inf', '(' .. format_int(NOW + lease), 'BYSCORE')) do
    redis.call('ZADD', 'rq:leases', format_int(NOW + lease), id)
    extended = extended + 1
  end
else
  ran_out = redis.call('ZRANGE', 'rq:leases', '-inf', NOW, 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(ran_out) do
    local job = load_job(id)
    if not job or TERMINAL[job.status] or job.status == 'queued' then
      redis.call('ZREM', 'rq:leases', id)
    else
      local list = lose(job)
      list[#list + 1] = id
    end
  end
end

local more = #past_deadline >= limit or #ran_out >= limit
return { requeued, lost, canceled, expired, overdue, extended, queues(), more and 1 or 0 }

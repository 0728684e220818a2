#!lua flags=allow-oom
-- Record the result of a delivery attempt.
--
-- ARGV: id, claim id, status (pending: retry; delivered, failed or disabled: end), delay of the next attempt in ms,
--       log_json
-- Returns 1; 0 if the claim does not hold the delivery and nothing was written.
-- Atomic: fence, log, next attempt. `disabled` also ends every other delivery of the job and prevents new ones.

local id, claim, status, delay, log = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local delivery = load_delivery(id)
if not delivery then
  return 0
end
if delivery.completed_by == claim then
  return 1
end
if delivery.claim_id ~= claim then
  return 0
end

local tenant, host = delivery.tenant, delivery.host
local job = status == 'disabled' and (load_job(delivery.job_id) or cjson.decode(delivery.job_json))
check_outbox(tenant, host)
if job then
  check_deliveries(job.id, job.images)
end
redis.call('HSET', 'rq:delivery:' .. id, 'completed_by', claim, 'log_json', log,
  'attempt', format_int(delivery.attempt + 1))
if status == 'pending' then
  schedule_delivery(delivery, format_int(NOW + delay))
else
  end_delivery(id, delivery.job_id, tenant, host, status)
end
if job then
  for _, other in ipairs(delivery_ids(job.id, job.images)) do
    if redis.call('HGET', 'rq:delivery:' .. other, 'status') == 'pending' then
      end_delivery(other, job.id, tenant, host, status)
    end
  end
  redis.call('HDEL', 'rq:job:' .. job.id, 'webhook_events')
end
return 1

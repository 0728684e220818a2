#!lua flags=allow-oom
-- The owner does not want a job any more: queued -> canceled, running -> canceling, else nothing.
--
-- ARGV: tenant, id
-- Returns the job as flat pairs; nothing for a foreign job.
-- Atomic: leaving the queue and the status. Tells the worker that holds the job on `rq:cancels`: "ID CLAIM".

local tenant, id = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return {}
end
if job.status == 'queued' then
  end_job(job, 'canceled', {})
elseif job.status == 'running' then
  redis.call('ZREM', 'rq:deadlines', id)
  update_job(job, { status = 'canceling' })
  redis.call('PUBLISH', 'rq:cancels', id .. ' ' .. job.claim_id)
end
return map_to_pairs(job)

#!lua flags=allow-oom
-- Cancel a job: queued -> canceled, running -> canceling; other states stay.
--
-- ARGV: tenant, id
-- Returns the job as flat pairs; nothing if the tenant has no such job.
-- Atomic: removal from the queue and status. Publishes "ID CLAIM" on `rq:cancels` for the worker of a running job.

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

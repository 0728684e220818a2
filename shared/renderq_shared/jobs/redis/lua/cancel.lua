#!lua flags=allow-oom
-- Cancel a job: queued -> canceled, running -> canceling; other states stay.
--
-- ARGV: tenant, id
-- Returns the job as flat pairs; nothing if the tenant has no such job.
-- Atomic: removal from the queue and status.

local tenant, id = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return {}
end
check_job(job)
cancel_job(job)
return map_to_pairs(job)

#!lua flags=allow-oom
-- Cancel several jobs: queued -> canceled, running -> canceling; other states stay.
--
-- ARGV: tenant, 1 to cancel only queued jobs or 0, id, …
-- Returns the status of each job after the call; '' for one that the tenant does not have here.
-- Atomic: all of them.

local tenant, only_queued, ids = ARGV[1], ARGV[2] == '1', { unpack(ARGV, 3) }
check_jobs(ids)
local statuses = {}
for i, id in ipairs(ids) do
  local job = load_job(id)
  if job and job.tenant == tenant then
    if job.status == 'queued' or not only_queued then
      cancel_job(job)
    end
    statuses[i] = job.status
  else
    statuses[i] = ''
  end
end
return statuses

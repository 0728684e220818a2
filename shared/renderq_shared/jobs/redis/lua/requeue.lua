#!lua flags=allow-oom
-- Release a job: running -> queued at its old position, canceling -> canceled.
--
-- ARGV: id, claim id
-- Returns held, canceling or lost.
-- Atomic: fence, refund, queue position, status. Not counted as a lost lease.

local id, claim = ARGV[1], ARGV[2]
local job = load_job(id)
if not job then
  return 'lost'
end
if job.requeued_by == claim then
  return 'held'
end
if job.ended_by == claim and job.status == 'canceled' then
  return 'canceling'
end
if job.claim_id ~= claim or TERMINAL[job.status] then
  return 'lost'
end
check_job(job)
if job.status == 'canceling' then
  end_job(job, 'canceled', { ended_by = claim })
  return 'canceling'
end
requeue_job(job, { requeued_by = claim })
return 'held'

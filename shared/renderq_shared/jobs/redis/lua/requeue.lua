#!lua flags=allow-oom
-- Hand a job back: running -> queued at its old place, canceling -> canceled.
--
-- ARGV: id, claim id
-- Returns held, canceling or lost.
-- Atomic: fence, refund, place in the queue, status. No loss is counted.

local id, claim = ARGV[1], ARGV[2]
local job = load_job(id)
if not job then
  return 'lost'
end
if job.handed_back_by == claim then
  return 'held'
end
if job.ended_by == claim and job.status == 'canceled' then
  return 'canceling'
end
if job.claim_id ~= claim or TERMINAL[job.status] then
  return 'lost'
end
if job.status == 'canceling' then
  end_job(job, 'canceled', { ended_by = claim })
  return 'canceling'
end
requeue_job(job, { handed_back_by = claim })
return 'held'

#!lua flags=allow-oom
-- Cancel the jobs of a purged tenant that have not ended, and list those that have.
--
-- ARGV: tenant, start of the purge in ms, number of jobs to skip, limit
-- Returns {number of jobs to look at again later, {id, number of images, removed again (1 or 0)} of each ended job}.
-- Atomic: all of it. A job that was handed out for archiving is waited for until that is confirmed or its lease ends,
--         so that no manifest follows the removal of its files. Files are removed once more if a process may write
--         later nevertheless: a worker that did not end its job itself, or an archiver whose lease has ended.

local tenant, started, skip, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local waiting, ended = 0, {}
if not is_in_progress(tenant, started) then
  return { waiting, ended }
end
local ids = redis.call('ZRANGE', 'rq:jobs:' .. tenant, skip, skip + limit - 1)
check_jobs(ids)
check_zsets('rq:unarchived')
for _, id in ipairs(ids) do
  local job = load_job(id)
  if job then
    cancel_job(job)
    local archiving = tonumber(redis.call('ZSCORE', 'rq:unarchived', id))
    if not TERMINAL[job.status] or archiving and archiving > NOW then
      waiting = waiting + 1
    else
      local is_late = job.ended_by ~= job.claim_id or archiving and archiving ~= tonumber(job.completed_ms)
      ended[#ended + 1] = { id, tonumber(job.images), is_late and 1 or 0 }
    end
  else
    redis.call('ZREM', 'rq:jobs:' .. tenant, id)
  end
end
return { waiting, ended }

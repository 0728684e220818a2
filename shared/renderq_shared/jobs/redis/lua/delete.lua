#!lua flags=allow-oom
-- Forget an ended job, and note that its pictures are to be removed.
--
-- ARGV: tenant, id, milliseconds that the deletion is remembered
-- Returns deleted (also to a repeat, while it is remembered), not_ended, or unknown, also for a foreign job.
-- Atomic: the record goes in the same moment in which the note comes, so pictures always have one or the other.

local tenant, id, remember = ARGV[1], ARGV[2], ARGV[3]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return redis.call('GET', 'rq:deleted:' .. id) == tenant and 'deleted' or 'unknown'
end
if not TERMINAL[job.status] then
  return 'not_ended'
end
delete_job(job)
remove_outputs(id)
redis.call('SET', 'rq:deleted:' .. id, tenant, 'PX', remember)
return 'deleted'

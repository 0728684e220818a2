#!lua flags=allow-oom
-- Delete an ended job and schedule the removal of its images.
--
-- ARGV: tenant, id, TTL of the deletion marker in ms
-- Returns deleted (also for a repeat within the TTL), not_ended, or unknown (also for another tenant's job).
-- Atomic: the record is deleted in the step that schedules the removal, so no image ever lacks both.

local tenant, id, marker_ttl = ARGV[1], ARGV[2], ARGV[3]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return redis.call('GET', 'rq:deleted:' .. id) == tenant and 'deleted' or 'unknown'
end
if not TERMINAL[job.status] then
  return 'not_ended'
end
delete_job(job)
remove_outputs(id)
redis.call('SET', 'rq:deleted:' .. id, tenant, 'PX', marker_ttl)
return 'deleted'

#!lua flags=allow-oom
-- Delete an ended job and schedule the removal of its images.
--
-- ARGV: tenant, id, TTL of the deletion marker in ms, 1 if the history has just deleted the job or 0
-- Returns deleted (also for a repeat within the TTL), not_ended, or unknown (also for another tenant's job).
-- Atomic: the record is deleted in the step that schedules the removal, so no image ever lacks both. Publishes
--         "ID TENANT" on `rq:deletions`, also for a job that only the history had.

local tenant, id, marker_ttl, was_archived = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local job = load_job(id)
if not job and was_archived then
  publish_deletion(tenant, id)
  redis.call('SET', 'rq:deleted:' .. id, tenant, 'PX', marker_ttl)
  return 'deleted'
end
if not job or job.tenant ~= tenant then
  return redis.call('GET', 'rq:deleted:' .. id) == tenant and 'deleted' or 'unknown'
end
if not TERMINAL[job.status] then
  return 'not_ended'
end
check_job(job)
check_batch(job)
check_deliveries(id, job.images)
check_assets(tenant, job.assets or '')
delete_job(job)
publish_deletion(tenant, id)
schedule_removal('jobs/' .. id .. '/')
redis.call('SET', 'rq:deleted:' .. id, tenant, 'PX', marker_ttl)
return 'deleted'

#!lua flags=allow-oom
-- Remove the files of jobs whose images the history has given up, and what Redis still has of deleted ones.
--
-- ARGV: tenant, id, number of images, 1 if the job is deleted or 0 if its images have expired, …
-- Returns nothing.
-- Atomic: all of it. A job that Redis still has loses its images, or is deleted, in the same step. Publishes "ID TENANT"
--         of deleted jobs on `rq:deletions`.

check_removals()
check_zsets('rq:unarchived', 'rq:archived')
for i = 1, #ARGV, 4 do
  local tenant, id, images = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local job = load_job(id)
  check_zsets('rq:jobs:' .. tenant)
  check_batch(job or {})
  check_deliveries(id, images)
  check_assets(tenant, job and job.assets or redis.call('GET', archived_assets_key(tenant, id)) or '')
end

for i = 1, #ARGV, 4 do
  local tenant, id, images, is_deleted = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3] == '1'
  local job = load_job(id)
  if not job or TERMINAL[job.status] then
    if is_deleted and job then
      delete_job(job)
    elseif is_deleted then
      delete_deliveries(id, images)
      release_archived_assets(tenant, id)
    elseif job and not job.outputs_expired then
      update_job(job, { outputs_expired = '1' }, { 'outputs_json', 'grid_json' })
      schedule_archive(id)
    end
    if is_deleted then
      publish_deletion(tenant, id)
    end
    schedule_removal('jobs/' .. id .. '/')
  end
end

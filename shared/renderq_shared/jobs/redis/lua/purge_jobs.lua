#!lua flags=allow-oom
-- Delete ended jobs of a purged tenant whose files have been removed.
--
-- ARGV: tenant, then id, number of images, 1 to remove the files once more in an hour or 0, …
-- Returns nothing.
-- Atomic: all of it. A job that has not ended, or that belongs to another tenant, stays. Publishes "ID TENANT" of each on
--         `rq:deletions`.

local tenant = ARGV[1]

-- Delete the claims of a job's deliveries, which name them for a while.
local function delete_delivery_claims(id, images)
  for _, delivery_id in ipairs(delivery_ids(id, images)) do
    for _, claim in pairs(redis.call('HMGET', 'rq:delivery:' .. delivery_id, 'claim_id', 'completed_by')) do
      if claim then
        redis.call('DEL', 'rq:delivery-claim:' .. claim)
      end
    end
  end
end

check_removals()
check_hashes('rq:removal-attempts')
check_zsets('rq:jobs:' .. tenant, 'rq:unarchived', 'rq:archived')
for i = 2, #ARGV, 3 do
  local job = load_job(ARGV[i])
  check_batch(job or {})
  check_deliveries(ARGV[i], tonumber(ARGV[i + 1]))
  check_assets(tenant, job and job.assets or redis.call('GET', archived_assets_key(tenant, ARGV[i])) or '')
end

for i = 2, #ARGV, 3 do
  local id, images, is_late = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2] == '1'
  local job = load_job(id)
  if not job or job.tenant == tenant and TERMINAL[job.status] then
    delete_delivery_claims(id, images)
    if job then
      delete_job(job)
    else
      delete_deliveries(id, images)
      release_archived_assets(tenant, id)
    end
    publish_deletion(tenant, id)
    local prefix = 'jobs/' .. id .. '/'
    redis.call('ZREM', 'rq:removals', prefix)
    redis.call('HDEL', 'rq:removal-attempts', prefix)
    redis.call('ZREM', 'rq:late-removals', prefix)
    if is_late then
      redis.call('ZADD', 'rq:late-removals', format_int(NOW + 3600000), prefix)
    end
  end
end

#!lua flags=allow-oom
-- Expire the outputs of old jobs, delete the oldest jobs and assets, and hand out work on the object store: prefixes to
-- remove and manifests to write.
--
-- ARGV: retention in ms of outputs, of records and of assets ('' each for forever), lease in ms of the handed-out work,
--       limit of each kind
-- Returns {expired (jobs), deleted (jobs), assets_expired, removals (prefixes), manifests (jobs as flat pairs),
--          more (1 or 0)}.
-- Atomic: a record drops its images in the step that schedules the removal of their prefix. The entry stays
--         until `confirm_deleted` or `confirm_manifests`; if the caller dies, it is handed out again after the lease.
--         Bounded, and safe to run concurrently. An entry without a record (an evicting server may have dropped it) is
--         removed.

local outputs_ms, jobs_ms, assets_ms, lease, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local function due(key, retention_ms)
  if retention_ms == '' then
    return {}
  end
  return redis.call('ZRANGE', key, '-inf', format_int(NOW - retention_ms), 'BYSCORE', 'LIMIT', 0, limit)
end

local expired = due('rq:ended', outputs_ms)
for _, id in ipairs(expired) do
  local job = load_job(id)
  redis.call('ZREM', 'rq:ended', id)
  remove_outputs(id)
  if job then
    redis.call('ZADD', 'rq:outputs-expired', job.completed_ms, id)
    update_job(job, { outputs_expired = '1' }, { 'outputs_json', 'grid_json' })
  end
end

local deleted = due('rq:outputs-expired', jobs_ms)
for _, id in ipairs(deleted) do
  local job = load_job(id)
  if job then
    delete_job(job)
  else
    redis.call('ZREM', 'rq:outputs-expired', id)
  end
end

local assets_expired = {}
for _, name in ipairs(due('rq:assets', assets_ms)) do
  local key = 'rq:asset:' .. name
  assets_expired[#assets_expired + 1] = redis.call('HGET', key, 'id')
  redis.call('ZADD', 'rq:removals', format_int(NOW), asset_prefix(redis.call('HGET', key, 'key')))
  redis.call('DEL', key)
  redis.call('ZREM', 'rq:assets', name)
end

local late = due('rq:late-removals', 0)
for _, prefix in ipairs(late) do
  redis.call('ZREM', 'rq:late-removals', prefix)
  redis.call('ZADD', 'rq:removals', format_int(NOW), prefix)
end

local removals = due('rq:removals', 0)
for _, prefix in ipairs(removals) do
  redis.call('ZADD', 'rq:removals', format_int(NOW + lease), prefix)
end

local manifests = {}
for _, id in ipairs(due('rq:manifests', 0)) do
  local job = load_job(id)
  if job then
    redis.call('ZADD', 'rq:manifests', format_int(NOW + lease), id)
    manifests[#manifests + 1] = map_to_pairs(job)
  else
    redis.call('ZREM', 'rq:manifests', id)
  end
end

local more = math.max(#expired, #deleted, #assets_expired, #late, #removals, #manifests) >= limit
return { expired, deleted, assets_expired, removals, manifests, more and 1 or 0 }

#!lua flags=allow-oom
-- Release archived jobs, delete unused assets, and hand out the work of the outbox: ended jobs and deliveries to archive
-- and prefixes to remove from the object store.
--
-- ARGV: retention in ms of archived jobs and of assets ('' each for forever), lease in ms of the handed-out work, limit
--       of each kind
-- Returns {released (jobs), assets_expired, removals (prefixes), unarchived (jobs as flat pairs), deliveries (as flat
-- pairs), more (1 or 0)}.
-- Atomic: each job leaves in one step. Jobs of a purged tenant are not archived. An entry of the outbox stays until
--         `confirm_archived`, `confirm_deliveries` or `confirm_deleted`; if the caller dies or fails, it is handed out
--         again after the lease. The lease of a prefix doubles with each attempt, up to an hour. Bounded, and safe to
--         run concurrently. An entry without a record (an evicting server may have dropped it) is removed.

local recent_ms, assets_ms, lease, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local DELIVERING_RECHECK_MS = 60000

local function due(key, retention_ms)
  if retention_ms == '' then
    return {}
  end
  return redis.call('ZRANGE', key, '-inf', format_int(NOW - retention_ms), 'BYSCORE', 'LIMIT', 0, limit)
end

check_zsets('rq:unarchived', 'rq:archived', 'rq:assets', 'rq:ended', 'rq:outputs-expired', 'rq:purges')
check_zsets('rq:unarchived-deliveries')
check_removals()
check_hashes('rq:removal-attempts')
for _, id in ipairs(due('rq:archived', recent_ms)) do
  local job = load_job(id)
  if job then
    check_zsets('rq:jobs:' .. job.tenant)
    check_batch(job)
    has_pending_deliveries(job)
  end
end
for _, name in ipairs(due('rq:assets', assets_ms)) do
  check_hashes('rq:asset:' .. name)
end
for _, id in ipairs(due('rq:unarchived', 0)) do
  check_hashes('rq:job:' .. id)
end
for _, id in ipairs(due('rq:unarchived-deliveries', 0)) do
  check_hashes('rq:delivery:' .. id)
end

-- Up to 0.2, Redis was the history: these are its ended jobs.
for _, key in ipairs({ 'rq:ended', 'rq:outputs-expired' }) do
  for _, id in ipairs(redis.call('ZRANGE', key, 0, limit - 1)) do
    schedule_archive(id)
    redis.call('ZREM', key, id)
  end
end

local released = {}
local archived = due('rq:archived', recent_ms)
for _, id in ipairs(archived) do
  local job = load_job(id)
  if job and has_pending_deliveries(job) then
    redis.call('ZADD', 'rq:archived', format_int(NOW - recent_ms + DELIVERING_RECHECK_MS), id)
  else
    if job then
      release_job(job)
      released[#released + 1] = id
    end
    redis.call('ZREM', 'rq:archived', id)
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
  local attempts = redis.call('HINCRBY', 'rq:removal-attempts', prefix, 1)
  local pause = math.min(lease * 2 ^ math.min(attempts - 1, 30), math.max(lease, 3600000))
  redis.call('ZADD', 'rq:removals', format_int(NOW + pause), prefix)
end

local unarchived = {}
for _, id in ipairs(due('rq:unarchived', 0)) do
  local job = load_job(id)
  if job and not is_purged(job.tenant) then
    redis.call('ZADD', 'rq:unarchived', format_int(NOW + lease), id)
    unarchived[#unarchived + 1] = map_to_pairs(job)
  elseif not job or tonumber(redis.call('ZSCORE', 'rq:unarchived', id)) == tonumber(job.completed_ms) then
    redis.call('ZREM', 'rq:unarchived', id)
  end -- else it stays until its purge has seen that its manifest may still be written
end

local deliveries = {}
for _, id in ipairs(due('rq:unarchived-deliveries', 0)) do
  local delivery = load_delivery(id)
  if delivery then
    redis.call('ZADD', 'rq:unarchived-deliveries', format_int(NOW + lease), id)
    deliveries[#deliveries + 1] = map_to_pairs(delivery)
  else
    redis.call('ZREM', 'rq:unarchived-deliveries', id)
  end
end

local more = math.max(#archived, #assets_expired, #late, #removals, #unarchived, #deliveries) >= limit
return { released, assets_expired, removals, unarchived, deliveries, more and 1 or 0 }

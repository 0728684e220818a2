#!lua flags=allow-oom
-- Let go of what has been kept for long enough; give out the pictures that are to be removed from the object store, and
-- the jobs whose manifests are to be written there.
--
-- ARGV: ms that pictures are kept, ms that records are kept, ms that assets are kept ('' each for ever), ms for which
--       the caller may remove pictures and write manifests before another is asked to, limit of each kind
-- Returns {emptied, forgotten (jobs), expired (assets), removals (prefixes), manifests (jobs as flat pairs),
--          more (1 or 0)}.
-- Atomic: a record stops naming its pictures in the same moment in which they are noted for removal. The note stays
--         until `confirm_deleted` or `confirm_manifests`, so whoever dies between loses nothing: another one is asked. Bounded, safe to
--         run anywhere. An entry whose record is gone (a server that evicts may drop it) leaves.

local pictures, records, assets, lease, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local function due(key, kept)
  if kept == '' then
    return {}
  end
  return redis.call('ZRANGE', key, '-inf', format_int(NOW - kept), 'BYSCORE', 'LIMIT', 0, limit)
end

local emptied = due('rq:ended', pictures)
for _, id in ipairs(emptied) do
  local job = load_job(id)
  redis.call('ZREM', 'rq:ended', id)
  remove_outputs(id)
  if job then
    redis.call('ZADD', 'rq:outputs-expired', job.completed_ms, id)
    update_job(job, { outputs_expired = '1' }, { 'outputs_json', 'grid_json' })
  end
end

local forgotten = due('rq:outputs-expired', records)
for _, id in ipairs(forgotten) do
  local job = load_job(id)
  if job then
    delete_job(job)
  else
    redis.call('ZREM', 'rq:outputs-expired', id)
  end
end

local expired = {}
for _, name in ipairs(due('rq:assets', assets)) do
  local key = 'rq:asset:' .. name
  expired[#expired + 1] = redis.call('HGET', key, 'id')
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

local more = math.max(#emptied, #forgotten, #expired, #late, #removals, #manifests) >= limit
return { emptied, forgotten, expired, removals, manifests, more and 1 or 0 }

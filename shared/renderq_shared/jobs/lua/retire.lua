#!lua flags=allow-oom
-- Let go of what has been kept for long enough; give out the pictures that are to be removed from the object store, and
-- the jobs whose manifests are to be written there.
--
-- ARGV: ms that pictures are kept, ms that records are kept ('' each for ever), ms for which the caller may remove
--       pictures and write manifests before another is asked to, limit of each kind
-- Returns {emptied, forgotten, removals (ids), manifests (jobs as flat pairs), more (1 or 0)}.
-- Atomic: a record stops naming its pictures in the same moment in which they are noted for removal. The note stays
--         until `removed` or `recorded`, so whoever dies between loses nothing: another one is asked. Bounded, safe to
--         run anywhere.

local pictures, records, lease, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local function due(key, kept)
  if kept == '' then
    return {}
  end
  return redis.call('ZRANGE', key, '-inf', whole(NOW - kept), 'BYSCORE', 'LIMIT', 0, limit)
end

local emptied = due('rq:ended', pictures)
for _, id in ipairs(emptied) do
  local job = load_job(id)
  redis.call('ZREM', 'rq:ended', id)
  redis.call('ZADD', 'rq:emptied', job.completed_ms, id)
  remove_pictures(id)
  change(job, { data_removed = '1' }, { 'outputs_json' })
end

local forgotten = due('rq:emptied', records)
for _, id in ipairs(forgotten) do
  forget(load_job(id))
end

local late = due('rq:late-removals', 0)
for _, id in ipairs(late) do
  redis.call('ZREM', 'rq:late-removals', id)
  redis.call('ZADD', 'rq:removals', whole(NOW), id)
end

local removals = due('rq:removals', 0)
for _, id in ipairs(removals) do
  redis.call('ZADD', 'rq:removals', whole(NOW + lease), id)
end

local manifests = {}
for _, id in ipairs(due('rq:manifests', 0)) do
  redis.call('ZADD', 'rq:manifests', whole(NOW + lease), id)
  manifests[#manifests + 1] = map_to_pairs(load_job(id))
end

local more = math.max(#emptied, #forgotten, #late, #removals, #manifests) >= limit
return { emptied, forgotten, removals, manifests, more and 1 or 0 }

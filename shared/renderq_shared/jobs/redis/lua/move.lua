#!lua
-- Move a queued job among the queued jobs of its tenant and model. It takes the place of another one, and each job
-- between the two moves on by one, so that the places themselves stay the same.
--
-- ARGV: tenant, id, front, back or before, id of the job to move before
-- Returns {outcome, job as flat pairs or nothing, {jobs ahead, served, paused, cost ahead}}: moved (also if it was there),
--         unknown, not_queued, or other_not_queued. The position only after a move.
-- Atomic: all places. A full server refuses it.

local tenant, id, to, other = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return { 'unknown', {} }
end
if job.status ~= 'queued' then
  return { 'not_queued', map_to_pairs(job) }
end
local queue = 'rq:queue:' .. job.model .. ':' .. tenant
local old, new = redis.call('ZRANK', queue, id), 0
if to == 'back' then
  new = redis.call('ZCARD', queue) - 1
elseif to == 'before' then
  new = redis.call('ZRANK', queue, other)
  if not new then
    return { 'other_not_queued', map_to_pairs(job) }
  end
  new = new > old and new - 1 or new
end

-- Jobs and places from the first to the last of those that move.
local first, last = math.min(old, new), math.max(old, new)
local entries = redis.call('ZRANGE', queue, first, last, 'WITHSCORES')
local ids, places = {}, {}
for i = 1, #entries, 2 do
  ids[#ids + 1], places[#places + 1] = entries[i], entries[i + 1]
end
table.insert(ids, new - first + 1, table.remove(ids, old - first + 1))
check_queue(job.model, tenant)
check_position(job.model)
for _, moved in ipairs(ids) do
  check_hashes('rq:job:' .. moved)
end
for i, moved in ipairs(ids) do
  if first < last and redis.call('EXISTS', 'rq:job:' .. moved) == 1 then
    redis.call('ZADD', queue, places[i], moved)
    redis.call('HSET', 'rq:job:' .. moved, 'place', places[i])
  end
end
return { 'moved', map_to_pairs(job), queue_position(job) }

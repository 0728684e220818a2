#!lua flags=no-writes
-- Read what Redis has of a batch.
--
-- ARGV: tenant, id of the batch
-- Returns {first job as flat pairs, {id, status} of each job in the order of acceptance, running jobs as flat pairs,
--         {job as flat pairs, {jobs ahead, served, paused, cost ahead}} of each model's last job in the queue}; nothing
--         if there are none of the tenant.
-- Atomic: all of it is of the same moment.

local tenant, batch_id = ARGV[1], ARGV[2]
local first, statuses, running, last_queued, last_place = nil, {}, {}, {}, {}
for _, id in ipairs(redis.call('ZRANGE', batch_key(batch_id), 0, -1)) do
  local status, model, owner = unpack(redis.call('HMGET', 'rq:job:' .. id, 'status', 'model', 'tenant'))
  if status and owner == tenant then
    first = first or id
    statuses[#statuses + 1] = { id, status }
    if status == 'queued' then
      local place = redis.call('ZRANK', 'rq:queue:' .. model .. ':' .. tenant, id)
      if place >= (last_place[model] or 0) then
        last_queued[model], last_place[model] = id, place
      end
    elseif not TERMINAL[status] then
      running[#running + 1] = redis.call('HGETALL', 'rq:job:' .. id)
    end
  end
end
if not first then
  return {}
end
local queued = {}
for _, id in pairs(last_queued) do
  local job = load_job(id)
  queued[#queued + 1] = { map_to_pairs(job), queue_position(job) }
end
return { redis.call('HGETALL', 'rq:job:' .. first), statuses, running, queued }

#!lua flags=no-writes
-- Read the positions of a tenant's queued jobs.
--
-- ARGV: tenant, maximum number of jobs
-- Returns {id, model, images, cost, {jobs ahead, served, paused, cost ahead}} of each, those with the fewest jobs ahead
--         first, then in the order of acceptance.
-- Atomic: all positions are of the same moment.

local tenant, limit = ARGV[1], tonumber(ARGV[2])
local queued = {}
for _, model in ipairs(redis.call('HKEYS', 'rq:models')) do
  local ids = redis.call('ZRANGE', 'rq:queue:' .. model .. ':' .. tenant, 0, limit - 1)
  local view = ids[1] and queue_view(model, tenant)
  for i, id in ipairs(ids) do
    local images, cost, sequence = unpack(redis.call('HMGET', 'rq:job:' .. id, 'images', 'cost', 'sequence'))
    if images then
      local position = position_in(view, i - 1, cost)
      local reply = { id, model, images, cost, position }
      queued[#queued + 1] = { reply = reply, ahead = position[1], sequence = tonumber(sequence) }
    end
  end
end
table.sort(queued, function(one, other)
  if one.ahead ~= other.ahead then
    return one.ahead < other.ahead
  end
  return one.sequence < other.sequence
end)
local replies = {}
for i = 1, math.min(#queued, limit) do
  replies[i] = queued[i].reply
end
return replies

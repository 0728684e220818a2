#!lua flags=allow-oom
-- Give a sender the deliveries that are due, the longest overdue first, for a while.
--
-- ARGV: claim id, lease in ms, limit
-- Returns each as flat pairs. A repeat returns those that the claim still holds.
-- Atomic: choice and lease. A lease that runs out makes its delivery due again.

local claim, lease, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local remembered = 'rq:delivery-claim:' .. claim
local found, ids, until_ms = {}, {}, whole(NOW + lease)

local taken = redis.call('GET', remembered)
if taken then
  for id in string.gmatch(taken, '%S+') do
    local delivery = load_delivery(id)
    if delivery and delivery.claim_id == claim then
      found[#found + 1] = map_to_pairs(delivery)
    end
  end
  return found
end

for _, id in ipairs(redis.call('ZRANGE', 'rq:deliveries', '-inf', NOW, 'BYSCORE', 'LIMIT', 0, limit)) do
  local delivery = load_delivery(id)
  delivery.claim_id, delivery.due_ms = claim, until_ms
  redis.call('HSET', 'rq:delivery:' .. id, 'claim_id', claim, 'due_ms', until_ms)
  redis.call('ZADD', 'rq:deliveries', until_ms, id)
  ids[#ids + 1] = id
  found[#found + 1] = map_to_pairs(delivery)
end
if #ids > 0 then
  redis.call('SET', remembered, table.concat(ids, ' '), 'PX', lease)
end
return found

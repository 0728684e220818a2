#!lua flags=allow-oom
-- Make a delivery due now: one that has ended begins its schedule again, one that waits for its next attempt goes on.
--
-- ARGV: tenant, id
-- Returns the delivery as flat pairs; nothing for a foreign one.
-- Atomic: status and due time. One that is just being sent stays as it is.

local tenant, id = ARGV[1], ARGV[2]
local delivery = load_delivery(id)
if not delivery or delivery.tenant ~= tenant then
  return {}
end
if not delivery.claim_id then
  local key, due = 'rq:delivery:' .. id, whole(NOW)
  if delivery.status ~= 'pending' then
    delivery.status, delivery.attempt = 'pending', '0'
  end
  delivery.due_ms = due
  redis.call('HSET', key, 'status', delivery.status, 'attempt', delivery.attempt, 'due_ms', due)
  redis.call('PERSIST', key)
  redis.call('ZADD', 'rq:deliveries', due, id)
end
return map_to_pairs(delivery)

#!lua flags=allow-oom
-- Make a delivery due now. An ended delivery starts its retry schedule again, a waiting one continues it.
--
-- ARGV: tenant, id
-- Returns the delivery as flat pairs; nothing if the tenant has no such delivery.
-- Atomic: status and due time. A delivery in flight stays unchanged.

local tenant, id = ARGV[1], ARGV[2]
local delivery = load_delivery(id)
if not delivery or delivery.tenant ~= tenant then
  return {}
end
if not delivery.claim_id then
  local key = 'rq:delivery:' .. id
  if delivery.status ~= 'pending' then
    delivery.status, delivery.attempt = 'pending', '0'
    redis.call('HSET', key, 'status', 'pending', 'attempt', '0')
    redis.call('PERSIST', key)
  end
  schedule_delivery(delivery, format_int(NOW))
end
return map_to_pairs(delivery)

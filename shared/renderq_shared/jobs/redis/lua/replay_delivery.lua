#!lua flags=allow-oom
-- Make a delivery due now. An ended delivery starts its retry schedule again, a waiting one continues it.
--
-- ARGV: tenant, id, the fields of the delivery in the history as a JSON object, or ''
-- Returns the delivery as flat pairs; nothing if the tenant has no such delivery.
-- Atomic: status and due time. A delivery in flight stays unchanged. One of the history is restored, unless its job has
--         just been deleted, or its tenant is being purged.

local tenant, id, archived = ARGV[1], ARGV[2], ARGV[3]
local delivery = load_delivery(id)
if not delivery and archived ~= '' then
  delivery = cjson.decode(archived)
  if is_purged(tenant) or redis.call('EXISTS', 'rq:deleted:' .. delivery.job_id) == 1 then
    return {}
  end
  check_outbox(tenant, delivery.host)
  redis.call('HSET', 'rq:delivery:' .. id, unpack(map_to_pairs(delivery)))
end
if not delivery or delivery.tenant ~= tenant then
  return {}
end
if not delivery.claim_id then
  check_outbox(tenant, delivery.host)
  local key = 'rq:delivery:' .. id
  if delivery.status ~= 'pending' then
    delivery.status, delivery.attempt = 'pending', '0'
    redis.call('HSET', key, 'status', 'pending', 'attempt', '0')
    redis.call('ZREM', 'rq:unarchived-deliveries', id)
    redis.call('PERSIST', key) -- up to 0.2, ended deliveries had a TTL
  end
  schedule_delivery(delivery, format_int(NOW))
end
return map_to_pairs(delivery)

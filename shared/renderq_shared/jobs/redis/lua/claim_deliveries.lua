#!lua flags=allow-oom
-- Claim due webhook deliveries for a sender: by turns of tenants, then of their hosts, then the longest overdue.
--
-- ARGV: claim id, lease in ms, limit
-- Returns each as flat pairs. A repeat returns those that the claim still holds.
-- Atomic: choice, limits and lease. A delivery becomes due again when its lease expires. An entry without a record (an
--         evicting server may have dropped it) is removed.

local claim, lease, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local claim_key = 'rq:delivery-claim:' .. claim
local deliveries, ids, until_ms = {}, {}, format_int(NOW + lease)

local function first_due(key)
  return redis.call('ZRANGE', key, '-inf', format_int(NOW), 'BYSCORE', 'LIMIT', 0, 1)[1]
end

local claimed_ids = redis.call('GET', claim_key)
if claimed_ids then
  for id in string.gmatch(claimed_ids, '%S+') do
    local delivery = load_delivery(id)
    if delivery and delivery.claim_id == claim then
      deliveries[#deliveries + 1] = map_to_pairs(delivery)
    end
  end
  return deliveries
end

for _, id in ipairs(redis.call('ZRANGE', 'rq:delivering', '-inf', format_int(NOW), 'BYSCORE', 'LIMIT', 0, limit)) do
  local delivery = load_delivery(id)
  if delivery then
    schedule_delivery(delivery, delivery.due_ms)
  else
    redis.call('ZREM', 'rq:delivering', id)
  end
end

while #deliveries < limit do
  local tenant = first_due('rq:delivery-tenants')
  if not tenant then
    break
  end
  local host = first_due('rq:delivery-hosts:' .. tenant)
  local id = first_due(delivery_queue(tenant, host))
  local delivery = load_delivery(id)
  if delivery then
    lease_delivery(delivery, claim, until_ms)
    ids[#ids + 1] = id
    deliveries[#deliveries + 1] = map_to_pairs(delivery)
  else
    redis.call('ZREM', delivery_queue(tenant, host), id)
    reschedule_host(tenant, host, false)
  end
end
if #ids > 0 then
  redis.call('SET', claim_key, table.concat(ids, ' '), 'PX', lease)
end
return deliveries

#!lua flags=allow-oom
-- Claim due webhook deliveries for a sender: by turns of tenants, then of their hosts, then the longest overdue.
--
-- ARGV: claim id, lease in ms, limit
-- Returns each as flat pairs. A repeat returns those that the claim still holds.
-- Atomic: choice, limits and lease. A key of a wrong type ends the choice, with an error if nothing was chosen. A delivery becomes due again when its lease expires. An entry without a record (an
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

-- The next delivery by turns: its tenant, host, id and fields. Nothing if none is due.
local function next_due()
  local tenant = first_due('rq:delivery-tenants')
  if tenant then
    local host = first_due('rq:delivery-hosts:' .. tenant)
    local id = first_due(delivery_queue(tenant, host))
    check_outbox(tenant, host)
    return tenant, host, id, load_delivery(id)
  end
end

local past_lease = redis.call('ZRANGE', 'rq:delivering', '-inf', format_int(NOW), 'BYSCORE', 'LIMIT', 0, limit)
for _, id in ipairs(past_lease) do
  local delivery = load_delivery(id)
  if delivery then
    check_outbox(delivery.tenant, delivery.host)
  end
end
for _, id in ipairs(past_lease) do
  local delivery = load_delivery(id)
  if delivery then
    schedule_delivery(delivery, delivery.due_ms)
  else
    redis.call('ZREM', 'rq:delivering', id)
    redis.call('ZREM', 'rq:pending-deliveries', id)
  end
end

while #deliveries < limit do
  local is_readable, tenant, host, id, delivery = pcall(next_due)
  if not is_readable and #ids == 0 then
    error(redis.error_reply(tenant)) -- `pcall` returns the text of an error
  elseif not is_readable or not tenant then
    break
  elseif delivery then
    lease_delivery(delivery, claim, until_ms)
    ids[#ids + 1] = id
    deliveries[#deliveries + 1] = map_to_pairs(delivery)
  else
    redis.call('ZREM', delivery_queue(tenant, host), id)
    redis.call('ZREM', 'rq:pending-deliveries', id)
    reschedule_host(tenant, host, false)
  end
end
if #ids > 0 then
  redis.call('SET', claim_key, table.concat(ids, ' '), 'PX', lease)
end
return deliveries

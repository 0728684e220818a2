-- Outbox -------------------------------------------------------------------------------------------------------
-- Webhook deliveries. Ids are a function of job, event and index, so no event is added twice and a job's deliveries
-- need no index.
--
-- Deliveries wait in one queue per tenant and host. Hosts take turns within their tenant, tenants take turns with each
-- other, and each has a limit of deliveries in flight. So a receiver that does not respond delays no other host.

local PER_HOST, PER_TENANT = 8, 32

local EVENTS = {
  running = 'job.started', succeeded = 'job.succeeded', failed = 'job.failed', canceled = 'job.canceled',
  expired = 'job.expired',
}

local function delivery_id(job_id, event, index)
  local name = string.gsub(job_id, '^job_', '') .. string.gsub(event, '^job%.', '_')
  return 'msg_' .. name .. (index and '_' .. index or '')
end

local function load_delivery(id)
  return load_hash('rq:delivery:' .. id)
end

-- The ids of all possible deliveries of a job.
local function delivery_ids(job_id, images)
  local ids = { delivery_id(job_id, 'job.started') }
  for index = 0, images - 1 do
    ids[#ids + 1] = delivery_id(job_id, 'job.output', index)
  end
  for status in pairs(TERMINAL) do
    ids[#ids + 1] = delivery_id(job_id, EVENTS[status])
  end
  return ids
end

local function delivery_queue(tenant, host)
  return 'rq:delivery-queue:' .. #tenant .. ':' .. tenant .. ':' .. host
end

-- Schedule the turn of `member`: when its first delivery is due, but after all that have waited longer since their
-- turn. It has no turn while nothing waits or `in_flight` has reached the limit.
local function schedule_turn(turns, member, waiting, in_flight, limit, served)
  local first = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
  if not first[1] or tonumber(in_flight or 0) >= limit then
    redis.call('ZREM', turns, member)
    return
  end
  local turn = served and NOW or math.min(redis.call('ZSCORE', turns, member) or NOW, NOW)
  redis.call('ZADD', turns, format_int(math.max(first[2], turn)), member)
end

-- Reschedule the turns of a host and its tenant; `served`: they have just had one.
local function reschedule_host(tenant, host, served)
  local in_flight, hosts = 'rq:delivering-to:' .. tenant, 'rq:delivery-hosts:' .. tenant
  schedule_turn(hosts, host, delivery_queue(tenant, host), redis.call('HGET', in_flight, host), PER_HOST, served)
  schedule_turn('rq:delivery-tenants', tenant, hosts, redis.call('HGET', in_flight, '*'), PER_TENANT, served)
end

local function count_leased(tenant, host, by)
  local key = 'rq:delivering-to:' .. tenant
  for _, name in ipairs({ host, '*' }) do
    if redis.call('HINCRBY', key, name, by) == 0 then
      redis.call('HDEL', key, name)
    end
  end
end

-- Remove a delivery from its queue and from those in flight.
local function dequeue_delivery(id, tenant, host)
  redis.call('ZREM', delivery_queue(tenant, host), id)
  if redis.call('ZREM', 'rq:delivering', id) == 1 then
    count_leased(tenant, host, -1)
  end
end

local function schedule_delivery(delivery, due)
  local key = 'rq:delivery:' .. delivery.id
  delivery.claim_id, delivery.due_ms = nil, due
  dequeue_delivery(delivery.id, delivery.tenant, delivery.host)
  redis.call('HSET', key, 'due_ms', due)
  redis.call('HDEL', key, 'claim_id')
  redis.call('ZADD', delivery_queue(delivery.tenant, delivery.host), due, delivery.id)
  redis.call('ZADD', 'rq:pending-deliveries', 'NX', format_int(NOW), delivery.id)
  reschedule_host(delivery.tenant, delivery.host, false)
end

local function lease_delivery(delivery, claim, until_ms)
  delivery.claim_id, delivery.due_ms = claim, until_ms
  dequeue_delivery(delivery.id, delivery.tenant, delivery.host)
  redis.call('HSET', 'rq:delivery:' .. delivery.id, 'claim_id', claim, 'due_ms', until_ms)
  redis.call('ZADD', 'rq:delivering', until_ms, delivery.id)
  count_leased(delivery.tenant, delivery.host, 1)
  reschedule_host(delivery.tenant, delivery.host, true)
end

local function schedule_delivery_archive(id)
  redis.call('ZADD', 'rq:unarchived-deliveries', format_int(NOW), id)
end

-- End a delivery. That of a job that only the history has follows it there; others wait for their job.
local function end_delivery(id, job_id, tenant, host, status)
  local key = 'rq:delivery:' .. id
  dequeue_delivery(id, tenant, host)
  redis.call('ZREM', 'rq:pending-deliveries', id)
  redis.call('HSET', key, 'status', status)
  redis.call('HDEL', key, 'claim_id', 'due_ms')
  if redis.call('EXISTS', 'rq:job:' .. job_id) == 0 then
    schedule_delivery_archive(id)
  end
  reschedule_host(tenant, host, false)
end

-- Let the deliveries of a released job, which have ended, follow it to the history.
local function release_deliveries(job)
  for _, id in ipairs(job.webhook_host and delivery_ids(job.id, job.images) or {}) do
    if redis.call('EXISTS', 'rq:delivery:' .. id) == 1 then
      schedule_delivery_archive(id)
    end
  end
end

local function delete_deliveries(job_id, images)
  for _, id in ipairs(delivery_ids(job_id, images)) do
    local delivery = load_delivery(id)
    if delivery then
      redis.call('DEL', 'rq:delivery:' .. id)
      redis.call('ZREM', 'rq:unarchived-deliveries', id)
      redis.call('ZREM', 'rq:pending-deliveries', id)
      dequeue_delivery(id, delivery.tenant, delivery.host)
      reschedule_host(delivery.tenant, delivery.host, false)
    end
  end
end

local function has_pending_deliveries(job)
  if job.webhook_host then
    for _, id in ipairs(delivery_ids(job.id, job.images)) do
      if redis.call('HGET', 'rq:delivery:' .. id, 'status') == 'pending' then
        return true
      end
    end
  end
  return false
end

-- Add an event with a snapshot of the job, once, if the job's webhook subscribes to it.
local function enqueue_event(job, event, index)
  local subscribed = ' ' .. (job.webhook_events or '') .. ' '
  if not string.find(subscribed, ' ' .. event .. ' ', 1, true) then
    return
  end
  local delivery = { id = delivery_id(job.id, event, index), tenant = job.tenant, host = job.webhook_host }
  local key = 'rq:delivery:' .. delivery.id
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'id', delivery.id, 'job_id', job.id, 'tenant', job.tenant, 'host', job.webhook_host,
      'event', event, 'status', 'pending', 'created_ms', format_int(NOW), 'attempt', '0', 'job_json', cjson.encode(job))
    schedule_delivery(delivery, format_int(NOW))
  end
end

-- Add an event per finished image; `indexes` are separated by spaces.
local function enqueue_output_events(job, indexes)
  for index in string.gmatch(indexes, '%S+') do
    enqueue_event(job, 'job.output', index)
  end
end

-- Purges -------------------------------------------------------------------------------------------------------

-- The key of a purge. Its name is no trace of the tenant, whose data is gone when it ends.
local function purge_key(tenant)
  return 'rq:purge:' .. redis.sha1hex(tenant)
end

local function is_purged(tenant)
  return redis.call('ZSCORE', 'rq:purges', tenant) ~= false
end

-- Return whether a purge is in progress. A process that was slow may ask after its end, or during the tenant's next one.
local function is_in_progress(tenant, started_ms)
  return is_purged(tenant) and redis.call('HGET', purge_key(tenant), 'started_ms') == started_ms
end

-- A purge as {tenant, flat pairs}; empty if there is none.
local function purge_reply(tenant)
  local purge = redis.call('HGETALL', purge_key(tenant))
  return #purge > 0 and { tenant, purge } or {}
end

-- Assets ------------------------------------------------------------------------------------------------------

local function asset_key(tenant, id)
  return 'rq:asset:' .. id .. ':' .. tenant
end

-- The prefix to remove from the object store with the asset under `key`.
local function asset_prefix(key)
  return string.match(key, '^.*/')
end

-- Renew an asset's retention. Returns the asset as flat pairs, or nil. A referenced asset does not expire.
local function touch_asset(tenant, id)
  local key = asset_key(tenant, id)
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'used_ms', format_int(NOW))
    if not redis.call('HGET', key, 'reference_count') then
      redis.call('ZADD', 'rq:assets', format_int(NOW), id .. ':' .. tenant)
    end
    return redis.call('HGETALL', key)
  end
end

-- Add a new job's references to its assets, separated by spaces.
local function retain_assets(tenant, ids)
  for id in string.gmatch(ids, '%S+') do
    redis.call('HINCRBY', asset_key(tenant, id), 'reference_count', 1)
    redis.call('ZREM', 'rq:assets', id .. ':' .. tenant)
    touch_asset(tenant, id)
  end
end

-- Drop a deleted job's references. A purge may have deleted the assets.
local function release_assets(tenant, ids)
  for id in string.gmatch(ids, '%S+') do
    local key = asset_key(tenant, id)
    if redis.call('EXISTS', key) == 1 and redis.call('HINCRBY', key, 'reference_count', -1) == 0 then
      redis.call('HDEL', key, 'reference_count')
    end
    touch_asset(tenant, id)
  end
end

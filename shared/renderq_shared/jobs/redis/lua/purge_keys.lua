#!lua flags=allow-oom
-- Delete keys of a purged tenant that have no index: idempotency keys, deletion markers, assets, references of archived
-- jobs to assets, which the history may have lost, and claims of jobs that are gone.
--
-- ARGV: tenant, start of the purge in ms, cursor, number of keys to look at
-- Returns the next cursor; 0 at the end.
-- Atomic: this part of the iteration. The caller removes the files of the assets.

local tenant, started, cursor, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not is_in_progress(tenant, started) then
  return '0'
end
local idempotency = idempotency_key(tenant, '')

-- Return whether a key is of the tenant, or of a job that is gone, and has no index.
local function is_purged_key(key)
  return string.sub(key, 1, #idempotency) == idempotency
    or string.match(key, '^rq:archived%-assets:[^:]+:(.*)$') == tenant
    or string.find(key, '^rq:deleted:') and redis.call('GET', key) == tenant
    or string.find(key, '^rq:claim:') and redis.call('EXISTS', 'rq:job:' .. redis.call('GET', key)) == 0
end

check_zsets('rq:assets')
local next_cursor, keys = unpack(redis.call('SCAN', cursor, 'COUNT', count))
local purged, assets = {}, {}
for _, key in ipairs(keys) do
  local asset, owner = string.match(key, '^rq:asset:([^:]+):(.*)$')
  if owner == tenant then
    assets[#assets + 1] = asset
  elseif is_purged_key(key) then
    purged[#purged + 1] = key
  end
end
for _, key in ipairs(purged) do
  redis.call('DEL', key)
end
for _, asset in ipairs(assets) do
  redis.call('DEL', asset_key(tenant, asset))
  redis.call('ZREM', 'rq:assets', asset .. ':' .. tenant)
  redis.call('HINCRBY', purge_key(tenant), 'assets', 1)
end
return next_cursor

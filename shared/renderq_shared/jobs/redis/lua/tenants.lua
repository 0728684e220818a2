#!lua flags=no-writes
-- Read the tenants that have queued jobs or a weight, or are paused.
--
-- ARGV: none
-- Returns {tenant, queued jobs, weight, paused (1 or 0)} for each.
-- Atomic: one snapshot.

local queued = pairs_to_map(redis.call('HGETALL', 'rq:queued-by-tenant'))
local weights = pairs_to_map(redis.call('HGETALL', 'rq:weights'))
local paused, names = {}, {}
for _, tenant in ipairs(redis.call('SMEMBERS', 'rq:paused-tenants')) do
  paused[tenant], names[tenant] = 1, true
end
for _, map in ipairs({ queued, weights }) do
  for tenant in pairs(map) do
    names[tenant] = true
  end
end

local result = {}
for tenant in pairs(names) do
  result[#result + 1] = { tenant, tonumber(queued[tenant] or 0), weights[tenant] or '1', paused[tenant] or 0 }
end
return result

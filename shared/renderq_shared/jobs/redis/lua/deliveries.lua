#!lua flags=no-writes
-- Read all stored deliveries of a job.
--
-- ARGV: tenant, job id
-- Returns {each as flat pairs}: start, images by index, end; nothing at all if the tenant has no such job.
-- Atomic: one snapshot.

local tenant, id = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return {}
end
local deliveries = {}
for _, delivery_id in ipairs(delivery_ids(job)) do
  local delivery = load_delivery(delivery_id)
  if delivery then
    deliveries[#deliveries + 1] = map_to_pairs(delivery)
  end
end
return { deliveries }

#!lua flags=no-writes
-- Every delivery of a job that is still remembered.
--
-- ARGV: tenant, job id
-- Returns {each as flat pairs}: the start, pictures by index, the end; nothing at all for a foreign job.
-- Atomic: one moment.

local tenant, id = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return {}
end
local found = {}
for _, delivery_id in ipairs(delivery_ids(job)) do
  local delivery = load_delivery(delivery_id)
  if delivery then
    found[#found + 1] = map_to_pairs(delivery)
  end
end
return { found }

#!lua flags=no-writes
-- Read all stored deliveries of a job.
--
-- ARGV: tenant, job id, number of images
-- Returns each as flat pairs: start, images by index, end.
-- Atomic: one snapshot.

local tenant, id, images = ARGV[1], ARGV[2], tonumber(ARGV[3])
local deliveries = {}
for _, delivery_id in ipairs(delivery_ids(id, images)) do
  local delivery = load_delivery(delivery_id)
  if delivery and delivery.tenant == tenant then
    deliveries[#deliveries + 1] = map_to_pairs(delivery)
  end
end
return deliveries

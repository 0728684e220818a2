#!lua flags=no-writes
-- Read a job and, while it is queued, its queue position.
--
-- ARGV: tenant, id
-- Returns {job as flat pairs, {jobs ahead, served, paused, cost ahead}}, the position only while queued; nothing if the
--         tenant has no such job.
-- Atomic: record and position are of the same moment.

local tenant, id = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return {}
end
return { map_to_pairs(job), job.status == 'queued' and queue_position(job) or nil }

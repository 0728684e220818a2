#!lua flags=no-writes
-- Look whether a submission was made before, under the same idempotency key.
--
-- ARGV: tenant, idempotency key, fingerprint
-- Returns {outcome, job as flat pairs or nothing, {jobs ahead, served, paused, cost before it}} as `submit` would; nothing
-- for a new key.
-- Atomic: one moment.

local outcome, job = find_idempotent(ARGV[1], ARGV[2], ARGV[3])
if not outcome then
  return {}
end
return { outcome, job and map_to_pairs(job) or {}, job and job.status == 'queued' and queue_position(job) or nil }

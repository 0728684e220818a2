#!lua flags=no-writes
-- Look up the job of an idempotency key.
--
-- ARGV: tenant, idempotency key, fingerprint
-- Returns {outcome, id or '', job as flat pairs or nothing, {jobs ahead, served, paused, cost ahead}} as `submit` would, the
--         position only while queued; nothing for a new key.
-- Atomic: one snapshot.

local outcome, job, id = find_idempotent(ARGV[1], ARGV[2], ARGV[3])
if not outcome then
  return {}
end
return {
  outcome, id or '', job and map_to_pairs(job) or {}, job and job.status == 'queued' and queue_position(job) or nil,
}

#!lua flags=no-writes
-- Read the queue of every model that has queued jobs.
--
-- ARGV: none
-- Returns {model, queued jobs, age of the oldest in ms, pending wake-ups, served (1 or 0), claimable jobs} for each.
-- Atomic: one snapshot.

return queues()

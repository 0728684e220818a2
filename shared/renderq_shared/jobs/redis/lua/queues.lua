#!lua flags=no-writes
-- Every model that has queued jobs.
--
-- ARGV: none
-- Returns {model, queued, age of the oldest in ms, waiting wake-ups, served (1 or 0), those of the queued that a
-- worker may be given} for each.
-- Atomic: one moment.

return queues()

#!lua flags=allow-oom
-- Pause or resume a model's queue. Running jobs continue; queued jobs keep their positions.
--
-- ARGV: model, paused (1 or 0)
-- Returns nothing.
-- Atomic: one write.

redis.call(ARGV[2] == '1' and 'SADD' or 'SREM', 'rq:paused-models', ARGV[1])

#!lua flags=allow-oom
-- Publish a changed job that only the history has.
--
-- ARGV: the job's fields as a JSON object
-- Returns nothing.
-- Atomic: one message on `rq:changes`.

redis.call('PUBLISH', 'rq:changes', ARGV[1])

#!lua
-- Add an ended job from its manifest.
--
-- ARGV: field, value, … of the job
-- Returns 1; 0 if the job is known.
-- Atomic: record and indexes. Never replaces a known job, which is newer than its manifest. A full server refuses it.

local job = pairs_to_map(ARGV)
if redis.call('EXISTS', 'rq:job:' .. job.id) == 1 then
  return 0
end
redis.call('HSET', 'rq:job:' .. job.id, unpack(ARGV))
redis.call('ZADD', 'rq:jobs:' .. job.tenant, job.created_ms, job.id)
redis.call('ZADD', 'rq:ended', job.completed_ms, job.id)
return 1

#!lua flags=allow-oom
-- Publish a preview of a running job to current subscribers. Nothing is stored.
--
-- ARGV: id, claim id, preview as JSON
-- Returns the number of subscribers.
-- Atomic: fence and publication, so that no preview follows the job's end. A repeat publishes it again.

local job = redis.call('HMGET', 'rq:job:' .. ARGV[1], 'claim_id', 'status')
if job[1] ~= ARGV[2] or job[2] ~= 'running' then
  return 0
end
return redis.call('PUBLISH', previews(ARGV[1]), ARGV[3])

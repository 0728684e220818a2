#!lua flags=allow-oom
-- Show a preview of a running job to whoever looks just now; nothing is kept.
--
-- ARGV: id, claim id, the preview as JSON
-- Returns how many looked.
-- Atomic: fence and publication, so that none comes after the job's end. A repeat shows it once more.

local held = redis.call('HMGET', 'rq:job:' .. ARGV[1], 'claim_id', 'status')
if held[1] ~= ARGV[2] or held[2] ~= 'running' then
  return 0
end
return redis.call('PUBLISH', previews(ARGV[1]), ARGV[3])

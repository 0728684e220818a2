#!lua flags=allow-oom
-- Extend leases.
--
-- ARGV: lease in ms, then per job: id, claim id
-- Returns one result per job, in order: held, canceling or lost.
-- Atomic: fence and extension. The fence is the claim, not time: a late renewal succeeds if the job was not requeued.

local until_ms = format_int(NOW + ARGV[1])
local results, held = {}, { 'ZADD', 'rq:leases' }
for i = 2, #ARGV, 2 do
  local id, claim = ARGV[i], ARGV[i + 1]
  local job = redis.call('HMGET', 'rq:job:' .. id, 'claim_id', 'status')
  if job[1] == claim and not TERMINAL[job[2]] then
    held[#held + 1] = until_ms
    held[#held + 1] = id
    results[#results + 1] = job[2] == 'canceling' and 'canceling' or 'held'
  else
    results[#results + 1] = 'lost'
  end
end
if #held > 2 then
  redis.call(unpack(held))
end
return results

#!lua flags=allow-oom
-- Extend leases.
--
-- ARGV: lease in ms, then per job: id, claim id
-- Returns one verdict per job, in order: held, canceling or lost.
-- Atomic: fence and extension. Fenced by the claim, not by time: a late renewal of what nobody took over succeeds.

local until_ms = format_int(NOW + ARGV[1])
local verdicts = {}
for i = 2, #ARGV, 2 do
  local id, claim = ARGV[i], ARGV[i + 1]
  local held = redis.call('HMGET', 'rq:job:' .. id, 'claim_id', 'status')
  if held[1] == claim and not TERMINAL[held[2]] then
    redis.call('ZADD', 'rq:leases', until_ms, id)
    verdicts[#verdicts + 1] = held[2] == 'canceling' and 'canceling' or 'held'
  else
    verdicts[#verdicts + 1] = 'lost'
  end
end
return verdicts

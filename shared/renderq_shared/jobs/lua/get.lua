#!lua flags=no-writes
-- Read a job and, while it is queued, its place.
--
-- ARGV: tenant, id
-- Returns {job as flat pairs, jobs ahead, served}; the last two only while queued; nothing for a foreign job.
-- Atomic: place and record belong to the same moment.
--
-- Ahead: what the tenant itself has before it, exactly; and from each of the first TENANTS others, taking turns at
-- equal cost, as many as come up before it.

local TENANTS = 100
local tenant, id = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return {}
end
if job.status ~= 'queued' then
  return { map_to_pairs(job) }
end

local own = redis.call('ZRANK', 'rq:queue:' .. job.model .. ':' .. tenant, id)
local ahead, turn = own, own + 1
for _, other in ipairs(redis.call('ZRANGE', 'rq:active:' .. job.model, 0, TENANTS - 1)) do
  if other == tenant then
    turn = own
  else
    ahead = ahead + math.min(redis.call('ZCARD', 'rq:queue:' .. job.model .. ':' .. other), turn)
  end
end
return { map_to_pairs(job), ahead, serves(job.model) }

#!lua flags=no-writes
-- What waits, what is being rendered, and who renders.
--
-- ARGV: none
-- Returns {queues, models of the jobs that workers hold (one entry per job), workers as flat pairs, paused models}.
-- Atomic: all of one moment. Workers hold few jobs, so these are simply looked through.

local held = {}
for _, id in ipairs(redis.call('ZRANGE', 'rq:leases', 0, -1)) do
  held[#held + 1] = redis.call('HGET', 'rq:job:' .. id, 'model') or nil
end
return { queues(), held, live_workers(), redis.call('SMEMBERS', 'rq:paused-models') }

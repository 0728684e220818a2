#!lua flags=no-writes
-- Read the load of the whole service.
--
-- ARGV: none
-- Returns {queues, model of each claimed job, workers as flat pairs, paused models}.
-- Atomic: one snapshot. Claimed jobs are few, so they are read one by one.

local running = {}
for _, id in ipairs(redis.call('ZRANGE', 'rq:leases', 0, -1)) do
  running[#running + 1] = redis.call('HGET', 'rq:job:' .. id, 'model') or nil
end
return { queues(), running, live_workers(), redis.call('SMEMBERS', 'rq:paused-models') }

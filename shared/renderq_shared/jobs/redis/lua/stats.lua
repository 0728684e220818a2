#!lua flags=no-writes
-- Read the load of the whole service.
--
-- ARGV: none
-- Returns {queues, model of each claimed job, workers as flat pairs, paused models, number of pending deliveries, age of
--          the oldest in ms, used memory in bytes, its limit in bytes (0: none)}.
-- Atomic: one snapshot. Claimed jobs are few, so they are read one by one.

local running = {}
for _, id in ipairs(redis.call('ZRANGE', 'rq:leases', 0, -1)) do
  running[#running + 1] = redis.call('HGET', 'rq:job:' .. id, 'model') or nil
end
local pending = 'rq:pending-deliveries'
local oldest = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')[2]
local memory = redis.call('INFO', 'memory')
return {
  queues(), running, live_workers(), redis.call('SMEMBERS', 'rq:paused-models'),
  redis.call('ZCARD', pending), oldest and math.max(NOW - oldest, 0) or 0,
  tonumber(string.match(memory, 'used_memory:(%d+)')), tonumber(string.match(memory, 'maxmemory:(%d+)')),
}

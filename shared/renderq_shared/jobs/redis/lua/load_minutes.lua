#!lua flags=no-writes
-- Read the load of the last day.
--
-- ARGV: none
-- Returns "STARTED_MS QUEUED RUNNING SUCCEEDED FAILED CANCELED EXPIRED" of each minute, newest first, then the counts of
-- the current one.
-- Atomic: one snapshot.

local minutes, day_ago = redis.call('LRANGE', 'rq:load-minutes', 0, -1), NOW - 86400000
while minutes[1] and tonumber(string.match(minutes[#minutes], '^%d+')) < day_ago do
  table.remove(minutes)
end
local load = redis.call('HMGET', 'rq:load', 'started_ms', 'queued', 'running', 'succeeded', 'failed', 'canceled',
  'expired')
return { minutes, load }

#!lua flags=no-writes
-- Read how many ended jobs wait for the history, since when, and the live API processes with their histories.
--
-- ARGV: none
-- Returns {number of unarchived jobs, ms since the end of the oldest of the first 100 ('' for none), {process, history}
-- for each}.
-- Atomic: one snapshot. Bounded.

local oldest
for _, id in ipairs(redis.call('ZRANGE', 'rq:unarchived', 0, 99)) do
  local ended = tonumber(redis.call('HGET', 'rq:job:' .. id, 'completed_ms') or nil)
  if ended and (not oldest or ended < oldest) then
    oldest = ended
  end
end

local apis = {}
for _, process in ipairs(redis.call('ZRANGE', 'rq:apis', '(' .. format_int(NOW), '+inf', 'BYSCORE')) do
  apis[#apis + 1] = { process, redis.call('HGET', 'rq:histories', process) or '' }
end
return { redis.call('ZCARD', 'rq:unarchived'), oldest and format_int(NOW - oldest) or '', apis }

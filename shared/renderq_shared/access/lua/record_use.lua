#!lua flags=allow-oom
-- Record the use of API keys.
--
-- ARGV: ids
-- Returns nothing.
-- Atomic: all of it. The version stays, so that no process reloads.

for _, id in ipairs(ARGV) do
  if redis.call('EXISTS', 'rq:key:' .. id) == 1 then
    redis.call('HSET', 'rq:key:' .. id, 'used_ms', format_int(NOW))
  end
end

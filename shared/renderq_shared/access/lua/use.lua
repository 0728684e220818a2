#!lua flags=allow-oom
-- Note that API keys were used lately.
--
-- ARGV: ids
-- Returns nothing.
-- Atomic: all of it. It is no change of the keys: nobody reads them again for it.

for _, id in ipairs(ARGV) do
  if redis.call('EXISTS', 'rq:key:' .. id) == 1 then
    redis.call('HSET', 'rq:key:' .. id, 'used_ms', format_int(NOW))
  end
end

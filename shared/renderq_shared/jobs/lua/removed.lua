#!lua flags=allow-oom
-- The pictures of these jobs are no longer in the object store.
--
-- ARGV: ids
-- Returns nothing.
-- Atomic: all of it.

for _, id in ipairs(ARGV) do
  redis.call('ZREM', 'rq:removals', id)
end

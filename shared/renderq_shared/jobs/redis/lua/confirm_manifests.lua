#!lua flags=allow-oom
-- Confirm that the manifests of these jobs are in the object store.
--
-- ARGV: ids
-- Returns nothing.
-- Atomic: all of it.

for _, id in ipairs(ARGV) do
  redis.call('ZREM', 'rq:manifests', id)
end

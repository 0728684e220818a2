#!lua flags=no-writes
-- Read an asset.
--
-- ARGV: tenant, id
-- Returns the asset as flat pairs; nothing if the tenant has no such asset.
-- Atomic: one read.

return redis.call('HGETALL', asset_key(ARGV[1], ARGV[2]))

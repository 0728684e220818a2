#!lua flags=no-writes
-- Read an asset.
--
-- ARGV: tenant, id
-- Returns the asset as flat pairs; nothing for what this tenant does not have.
-- Atomic: one read.

return redis.call('HGETALL', asset_key(ARGV[1], ARGV[2]))

#!lua flags=no-writes
-- Read a purge.
--
-- ARGV: tenant
-- Returns {tenant, purge as flat pairs}; nothing if none is in progress or ended within the last day.
-- Atomic: one read.

return purge_reply(ARGV[1])

#!lua flags=no-writes
-- Read the live workers.
--
-- ARGV: none
-- Returns each as flat pairs.
-- Atomic: one snapshot.

return live_workers()

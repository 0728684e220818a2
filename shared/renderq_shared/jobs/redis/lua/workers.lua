#!lua flags=no-writes
-- Live workers.
--
-- ARGV: none
-- Returns each as flat pairs.
-- Atomic: list and descriptions belong to the same moment.

return live_workers()

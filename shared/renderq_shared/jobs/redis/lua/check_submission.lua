#!lua
-- Check that the server would accept a job. It refuses this script whenever it refuses `submit.lua`, whose flags it has.
--
-- ARGV: none
-- Returns nothing.
-- Atomic: nothing is read or written.

#!lua flags=no-writes,allow-stale
-- Find the commands that the user of this connection may not execute.
--
-- ARGV: commands with their arguments, separated by spaces
-- Returns those that are denied.
-- Atomic: nothing is executed.

local denied = {}
for _, line in ipairs(ARGV) do
  local command = {}
  for word in string.gmatch(line, '%S+') do
    command[#command + 1] = word
  end
  if not redis.acl_check_cmd(unpack(command)) then
    denied[#denied + 1] = line
  end
end
return denied

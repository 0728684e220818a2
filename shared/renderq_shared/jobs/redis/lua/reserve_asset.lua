#!lua
-- A picture is about to be written to the object store, unless its tenant has it already.
--
-- ARGV: tenant, id, prefix under which it would be written, milliseconds after which nobody waits for it any more
-- Returns the asset as flat pairs if it is there; its life then begins anew. Nothing if it is to be written.
-- Atomic: before anything is written, there is a note that removes it, should the writer be lost.

local tenant, id, prefix, patience = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local asset = touch_asset(tenant, id)
if asset then
  return asset
end
redis.call('ZADD', 'rq:late-removals', format_int(NOW + patience), prefix)
return {}

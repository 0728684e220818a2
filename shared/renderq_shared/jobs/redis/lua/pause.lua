#!lua flags=allow-oom
-- Stop giving out the jobs of a model or of a tenant, or go on with it. What runs goes on; what waits keeps its place.
--
-- ARGV: model or tenant, its name, paused (1 or 0)
-- Returns nothing.
-- Atomic: the note, and a tenant's leaving or joining the turns of every model. It comes back at each model's current
--         virtual time: what it was not given meanwhile is not made up for.

local kind, name, paused = ARGV[1], ARGV[2], ARGV[3] == '1'

redis.call(paused and 'SADD' or 'SREM', 'rq:paused-' .. kind .. 's', name)
if kind == 'tenant' then
  for _, model in ipairs(redis.call('HKEYS', 'rq:models')) do
    if paused then
      redis.call('ZREM', 'rq:active:' .. model, name)
    elseif redis.call('EXISTS', 'rq:queue:' .. model .. ':' .. name) == 1 then
      activate_tenant(model, name)
    end
  end
end

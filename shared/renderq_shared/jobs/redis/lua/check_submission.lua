#!lua
-- Check that the server would accept a job. It refuses this script whenever it refuses `submit.lua`, whose flags it has,
-- and when a key that many calls read has a wrong type.
--
-- ARGV: none
-- Returns nothing.
-- Atomic: nothing is written. The tenants checked are those of the next 100 turns of every model.

check_zsets('rq:leases', 'rq:deadlines', 'rq:unarchived', 'rq:archived', 'rq:assets', 'rq:workers', 'rq:apis',
  'rq:delivering', 'rq:delivery-tenants', 'rq:purges')
check_hashes('rq:weights', 'rq:virtual-now', 'rq:queued-cost', 'rq:remaining-cost', 'rq:queued-by-tenant', 'rq:histories',
  'rq:removal-attempts', 'rq:swept')
check_counters('rq:queued', 'rq:sequence')
check_removals()
check_models()
check_zsets('rq:keys') -- of the key store, on the same server
redis.call('GET', 'rq:keys-version')
for _, model in ipairs(redis.call('HKEYS', 'rq:models')) do
  for _, tenant in ipairs(redis.call('ZRANGE', 'rq:active:' .. model, 0, 99)) do
    check_zsets('rq:queue:' .. model .. ':' .. tenant, 'rq:jobs:' .. tenant)
  end
end

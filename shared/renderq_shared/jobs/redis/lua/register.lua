#!lua flags=allow-oom
-- List a worker until its TTL ends.
--
-- ARGV: id, TTL in ms, device, models as JSON, resident models as JSON, jobs, draining (1 or 0), then the models
-- Returns nothing.
-- Atomic: record and index. A draining worker claims no jobs, so it serves no model.

local id, ttl, draining = ARGV[1], tonumber(ARGV[2]), ARGV[7]
local until_ms, worker = format_int(NOW + ttl), 'rq:worker:' .. id

unregister_models(id)
redis.call('HSETNX', worker, 'started_ms', format_int(NOW))
redis.call('HSET', worker, 'id', id, 'device', ARGV[3], 'models_json', ARGV[4], 'resident_models_json', ARGV[5],
  'jobs', ARGV[6], 'draining', draining, 'seen_ms', format_int(NOW))
redis.call('PEXPIRE', worker, ttl)
redis.call('ZREMRANGEBYSCORE', 'rq:workers', '-inf', NOW)
redis.call('ZADD', 'rq:workers', until_ms, id)
if draining == '0' then
  for i = 8, #ARGV do
    local served = 'rq:served:' .. ARGV[i]
    redis.call('ZREMRANGEBYSCORE', served, '-inf', NOW)
    redis.call('ZADD', served, until_ms, id)
  end
end

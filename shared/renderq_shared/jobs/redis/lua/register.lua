#!lua flags=allow-oom
-- List a worker until its TTL ends.
--
-- ARGV: id, TTL in ms, device, models as JSON, resident models as JSON, jobs, draining (1 or 0), run id, memory in
--       RAM, memory used and memory in total on the device in bytes ('' each if it has none), resident LoRAs as JSON,
--       then the models
-- Returns whether `drain_worker` was called for this run of the worker (1 or 0).
-- Atomic: record and index. A draining worker claims no jobs, so it serves no model. Another run replaces the record.

local id, ttl, run = ARGV[1], tonumber(ARGV[2]), ARGV[8]
local until_ms, worker = format_int(NOW + ttl), 'rq:worker:' .. id

local before = registered_models(id)
check_worker(before)
check_worker({ unpack(ARGV, 13) })
unregister_models(id, before)
if redis.call('HGET', worker, 'run_id') ~= run then
  redis.call('DEL', worker)
end
local is_drained = is_drain_requested(id)
local draining = is_drained and '1' or ARGV[7]
redis.call('HSETNX', worker, 'started_ms', format_int(NOW))
redis.call('HSET', worker, 'id', id, 'device', ARGV[3], 'models_json', ARGV[4], 'resident_models_json', ARGV[5],
  'jobs', ARGV[6], 'draining', draining, 'seen_ms', format_int(NOW), 'run_id', run, 'memory_bytes', ARGV[9],
  'device_memory_used_bytes', ARGV[10], 'device_memory_total_bytes', ARGV[11],
  'resident_loras_json', ARGV[12])
redis.call('PEXPIRE', worker, ttl)
redis.call('ZREMRANGEBYSCORE', 'rq:workers', '-inf', NOW)
redis.call('ZADD', 'rq:workers', until_ms, id)
if draining == '0' then
  for i = 13, #ARGV do
    local served = 'rq:served:' .. ARGV[i]
    redis.call('ZREMRANGEBYSCORE', served, '-inf', NOW)
    redis.call('ZADD', served, until_ms, id)
  end
end
return is_drained and 1 or 0

#!lua flags=no-writes
-- How fast each model is rendered, and how much is before a job that waits.
--
-- ARGV: queued jobs to look at
-- Returns {model, samples, mean cost of queued jobs, cost of held jobs, devices, warm (1 or 0)} for each model.
-- Atomic: one moment. Workers hold few jobs, so these are simply looked through.

local look = tonumber(ARGV[1])

local held = {}
for _, id in ipairs(redis.call('ZRANGE', 'rq:leases', 0, -1)) do
  local model, cost = unpack(redis.call('HMGET', 'rq:job:' .. id, 'model', 'cost'))
  if model then
    held[model] = (held[model] or 0) + cost
  end
end

local devices, warm = {}, {}
for _, flat in ipairs(live_workers()) do
  local worker = pairs_to_map(flat)
  if worker.draining == '0' then
    for _, model in ipairs(cjson.decode(worker.models_json)) do
      devices[model] = devices[model] or {}
      table.insert(devices[model], worker.device)
    end
    for _, model in ipairs(cjson.decode(worker.resident_models_json)) do
      warm[model] = 1
    end
  end
end

local function mean_cost(model)
  local sum, ids = 0, redis.call('ZRANGE', 'rq:oldest:' .. model, 0, look - 1)
  for _, id in ipairs(ids) do
    sum = sum + (redis.call('HGET', 'rq:job:' .. id, 'cost') or 0)
  end
  return #ids > 0 and sum / #ids or 0
end

local found = {}
for _, model in ipairs(redis.call('HKEYS', 'rq:models')) do
  found[#found + 1] = {
    model,
    redis.call('LRANGE', 'rq:paces:' .. model, 0, -1),
    exact(mean_cost(model)),
    exact(held[model] or 0),
    devices[model] or {},
    warm[model] or 0,
  }
end
return found

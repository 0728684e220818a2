#!lua flags=no-writes
-- Read the timing samples of every model and the devices of the workers that serve it.
--
-- ARGV: none
-- Returns {model, samples, devices, warm (1 or 0)} for each model.
-- Atomic: one snapshot.

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

local result = {}
for _, model in ipairs(redis.call('HKEYS', 'rq:models')) do
  result[#result + 1] = {
    model,
    redis.call('LRANGE', 'rq:timings:' .. model, 0, -1),
    devices[model] or {},
    warm[model] or 0,
  }
end
return result

#!lua flags=allow-oom
-- A worker says goodbye.
--
-- ARGV: id
-- Returns nothing.
-- Atomic: it leaves the list and all models that it served.

local id = ARGV[1]
local models = redis.call('HGET', 'rq:worker:' .. id, 'models_json')
for _, model in ipairs(models and cjson.decode(models) or {}) do
  redis.call('ZREM', 'rq:served:' .. model, id)
end
redis.call('DEL', 'rq:worker:' .. id)
redis.call('ZREM', 'rq:workers', id)

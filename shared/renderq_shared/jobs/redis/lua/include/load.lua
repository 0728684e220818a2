-- Load ---------------------------------------------------------------------------------------------------------

local function count_end(status)
  redis.call('HINCRBY', 'rq:load', status, 1)
end

-- Update the peaks of the current minute, and begin another once it is over. Minutes without jobs are not kept.
local function measure_load()
  local load = pairs_to_map(redis.call('HGETALL', 'rq:load'))
  if load.started_ms and NOW - load.started_ms >= 60000 then
    local counts = { load.queued or 0, load.running or 0, load.succeeded or 0, load.failed or 0,
      load.canceled or 0, load.expired or 0 }
    if math.max(unpack(counts)) > 0 then
      redis.call('LPUSH', 'rq:load-minutes', load.started_ms .. ' ' .. table.concat(counts, ' '))
      redis.call('LTRIM', 'rq:load-minutes', 0, 1439)
    end
    redis.call('DEL', 'rq:load')
    load = {}
  end
  local queued, running = redis.call('GET', 'rq:queued') or 0, redis.call('ZCARD', 'rq:leases')
  redis.call('HSET', 'rq:load', 'started_ms', load.started_ms or format_int(NOW),
    'queued', format_int(math.max(load.queued or 0, queued)),
    'running', format_int(math.max(load.running or 0, running)))
end

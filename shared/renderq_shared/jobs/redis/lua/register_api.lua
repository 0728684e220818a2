#!lua flags=allow-oom
-- Register an API process with its history for some time.
--
-- ARGV: name of the process, id of its history, TTL in ms
-- Returns the names of live API processes that have another history; the process is then not registered.
-- Atomic: of two processes with different histories, only the first is registered.

local process, history, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
check_zsets('rq:apis')
check_hashes('rq:histories')
redis.call('ZREMRANGEBYSCORE', 'rq:apis', '-inf', format_int(NOW))
local others = {}
for _, name in ipairs(redis.call('ZRANGE', 'rq:apis', 0, -1)) do
  if name ~= process and redis.call('HGET', 'rq:histories', name) ~= history then
    others[#others + 1] = name
  end
end
if #others == 0 then
  redis.call('ZADD', 'rq:apis', format_int(NOW + ttl), process)
  redis.call('HSET', 'rq:histories', process, history)
end
for _, name in ipairs(redis.call('HKEYS', 'rq:histories')) do
  if not redis.call('ZSCORE', 'rq:apis', name) then
    redis.call('HDEL', 'rq:histories', name)
  end
end
return others

-- Shared by all scripts that may write: the rights that scripts need. The loader inserts it after `base.lua`.
--
-- A script is not rolled back: a right that the user lacks would end it after some of its writes. So it asks for all
-- of them first.

local function require_right(...)
  if not redis.acl_check_cmd(...) then
    error(redis.error_reply("NOPERM the user has no permission to run '" .. table.concat({ ... }, ' ') .. "'"))
  end
end

for _, command in ipairs({
  'DECR', 'DEL', 'EXISTS', 'GET', 'HDEL', 'HGET', 'HGETALL', 'HINCRBY', 'HINCRBYFLOAT', 'HKEYS', 'HMGET', 'HSET',
  'HSETNX', 'INCR', 'INCRBY', 'LLEN', 'LPUSH', 'LRANGE', 'LTRIM', 'PERSIST', 'PEXPIRE', 'PUBLISH', 'SADD', 'SET',
  'SISMEMBER', 'SMEMBERS', 'SREM', 'ZADD', 'ZCARD', 'ZCOUNT', 'ZRANGE', 'ZRANK', 'ZREM', 'ZREMRANGEBYSCORE', 'ZSCORE',
}) do
  require_right(command, 'rq:permission-check')
end
require_right('PUBSUB', 'NUMSUB', 'rq:permission-check')

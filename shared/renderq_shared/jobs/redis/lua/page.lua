#!lua flags=no-writes
-- A tenant's jobs, newest first.
--
-- ARGV: tenant, status, model, task, created after, created before (ms; '' each for any), jobs at most, index entries
--       to look at, creation and id of the entry that the page follows ('' both for the newest)
-- Returns {jobs as flat pairs, {creation, id} of the last entry looked at}; the latter only if there are more behind it.
-- Atomic: all jobs are of one moment. What comes later is newer than every position, so no page shows it twice.

local CHUNK = 100
local tenant, after, before, limit, scan, since, since_id =
  ARGV[1], ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], ARGV[10]
local newest = since ~= '' and since or before ~= '' and '(' .. before or '+inf'
local oldest = after ~= '' and '(' .. after or '-inf'

-- Byte by byte, as entries of one score are ordered; Lua's own comparison follows the server's locale.
local function precedes(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then
      return a < b
    end
  end
  return #one < #other
end

local function wanted(id)
  for i, value in ipairs(redis.call('HMGET', 'rq:job:' .. id, 'status', 'model', 'task')) do
    if not value or ARGV[1 + i] ~= '' and ARGV[1 + i] ~= value then
      return false
    end
  end
  return true
end

local found, seen, offset, last = {}, 0, 0, nil
while true do
  local entries = redis.call('ZRANGE', 'rq:jobs:' .. tenant, newest, oldest, 'BYSCORE', 'REV',
    'LIMIT', offset, CHUNK, 'WITHSCORES')
  for i = 1, #entries, 2 do
    local id, created = entries[i], tonumber(entries[i + 1])
    if created ~= tonumber(since) or precedes(id, since_id) then
      if #found == limit or seen == scan then
        return { found, last }
      end
      seen, last = seen + 1, { format_int(created), id }
      if wanted(id) then
        found[#found + 1] = redis.call('HGETALL', 'rq:job:' .. id)
      end
    end
  end
  if #entries < 2 * CHUNK then
    return { found }
  end
  offset = offset + CHUNK
end

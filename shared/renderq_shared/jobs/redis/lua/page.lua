#!lua flags=no-writes
-- List a tenant's jobs, newest first.
--
-- ARGV: tenant, status, model, task, created after, created before (ms; '' each for any), maximum number of jobs,
--       maximum number of index entries to scan, creation time and id of the entry before the page ('' both for the
--       first page)
-- Returns {jobs as flat pairs, {creation time, id} of the last scanned entry}; the latter only if there are more.
-- Atomic: one snapshot. Later jobs sort before every position, so no page repeats a job.

local CHUNK = 100
local tenant, after, before, limit, scan_limit, position_ms, position_id =
  ARGV[1], ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], ARGV[10]
local newest = position_ms ~= '' and position_ms or before ~= '' and '(' .. before or '+inf'
local oldest = after ~= '' and '(' .. after or '-inf'

-- Compares bytes, like the order of entries with equal scores. Lua's own comparison depends on the server's locale.
local function precedes(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then
      return a < b
    end
  end
  return #one < #other
end

local function matches(id)
  for i, value in ipairs(redis.call('HMGET', 'rq:job:' .. id, 'status', 'model', 'task')) do
    if not value or ARGV[1 + i] ~= '' and ARGV[1 + i] ~= value then
      return false
    end
  end
  return true
end

local jobs, scanned, offset, last = {}, 0, 0, nil
while true do
  local entries = redis.call('ZRANGE', 'rq:jobs:' .. tenant, newest, oldest, 'BYSCORE', 'REV',
    'LIMIT', offset, CHUNK, 'WITHSCORES')
  for i = 1, #entries, 2 do
    local id, created = entries[i], tonumber(entries[i + 1])
    if created ~= tonumber(position_ms) or precedes(id, position_id) then
      if #jobs == limit or scanned == scan_limit then
        return { jobs, last }
      end
      scanned, last = scanned + 1, { format_int(created), id }
      if matches(id) then
        jobs[#jobs + 1] = redis.call('HGETALL', 'rq:job:' .. id)
      end
    end
  end
  if #entries < 2 * CHUNK then
    return { jobs }
  end
  offset = offset + CHUNK
end

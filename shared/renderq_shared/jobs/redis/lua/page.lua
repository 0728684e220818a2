#!lua flags=no-writes
-- List a tenant's jobs, newest first.
--
-- ARGV: tenant, status, model, task, batch, created after, created before (ms; '' each for any), maximum number of jobs,
--       maximum number of index entries to scan, creation time and id of the entry before the page ('' both for the
--       first page)
-- Returns {jobs as flat pairs, {creation time, id} of the last scanned entry}; the latter only if there are more.
-- Atomic: one snapshot. Later jobs sort before every position, so no page repeats a job.

local CHUNK = 100
local tenant, status, model, task, batch_id, after, before = unpack(ARGV, 1, 7)
local limit, scan_limit, position_ms, position_id = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10], ARGV[11]
local newest = position_ms ~= '' and position_ms or before ~= '' and '(' .. before or '+inf'
local oldest = after ~= '' and '(' .. after or '-inf'

-- The jobs of a batch have the same creation time.
if batch_id ~= '' then
  local first = redis.call('ZRANGE', batch_key(batch_id), 0, 0)[1]
  local created = tonumber(first and redis.call('HGET', 'rq:job:' .. first, 'created_ms') or nil)
  local is_late = created and before ~= '' and created >= tonumber(before)
  if not created or is_late or after ~= '' and created <= tonumber(after) then
    return { {} }
  end
  newest, oldest = format_int(created), format_int(created)
end

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
  local values = redis.call('HMGET', 'rq:job:' .. id, 'status', 'model', 'task', 'batch_id')
  for i, expected in ipairs({ status, model, task, batch_id }) do
    if expected ~= '' and expected ~= values[i] then
      return false
    end
  end
  return values[1] ~= false
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

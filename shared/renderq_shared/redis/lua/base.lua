-- Shared by all scripts: errors about types, server time, conversions. The loader inserts it after each script's `#!lua`
-- line.

local native = redis

-- End the script, because something other than this program has written to a key. Names the kind of the key, which is
-- its first two parts: the others may name a tenant.
local function refuse_key(key)
  local kind = string.match(key, '^[^:]+:[^:]+') or key
  error(native.error_reply('WRONGTYPE ' .. kind .. ' has a value that renderq did not write'))
end

-- As the native API, but errors about the type of a key name its kind.
local redis = setmetatable({
  call = function(...)
    local reply = native.pcall(...)
    if type(reply) ~= 'table' or not reply.err then
      return reply
    end
    if string.find(reply.err, '^WRONGTYPE') then
      refuse_key((select(2, ...)))
    end
    error(reply)
  end,
}, { __index = native })

local CLOCK = redis.call('TIME')
local NOW = CLOCK[1] * 1000 + math.floor(CLOCK[2] / 1000)

local function format_int(number)
  return string.format('%.0f', number)
end

local function format_float(number)
  return string.format('%.17g', number)
end

local function pairs_to_map(flat)
  local map = {}
  for i = 1, #flat, 2 do
    map[flat[i]] = flat[i + 1]
  end
  return map
end

-- A hash as a map; nil if it does not exist.
local function load_hash(key)
  local flat = redis.call('HGETALL', key)
  if #flat > 0 then
    return pairs_to_map(flat)
  end
end

local function map_to_pairs(map)
  local flat = {}
  for field, value in pairs(map) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  return flat
end

-- Shared by all scripts: server time and conversions. The loader inserts it after each script's `#!lua` line.

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

"""Copies of a whole database of Redis, to see what a command has written, and to take it back."""

import redis

BROKEN, HEALTHY = 1, 2
"""Databases with copies of database 0."""

_COPY = """
redis.call('SELECT', ARGV[2])
redis.call('FLUSHDB')
redis.call('SELECT', ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  redis.call('COPY', key, key, 'DB', ARGV[2])
end
"""

_DIFFERENCES = """
local function content(db)
  local values = {}
  redis.call('SELECT', db)
  for _, key in ipairs(redis.call('KEYS', '*')) do
    values[key] = redis.call('DUMP', key) .. ' ' .. redis.call('PEXPIRETIME', key)
  end
  return values
end
local one, other, different = content(ARGV[1]), content(ARGV[2]), {}
for _, pair in ipairs({ { one, other }, { other, one } }) do
  for key, value in pairs(pair[1]) do
    if pair[2][key] ~= value then
      different[#different + 1] = key
    end
  end
end
return different
"""


def copy(client: redis.Redis, source: int, target: int) -> None:
    client.eval(_COPY, 0, source, target)


def differences(client: redis.Redis, other: int) -> list[str]:
    """Return the keys of database 0 that are not as in another one."""
    return sorted(set(client.eval(_DIFFERENCES, 0, 0, other)))

-- Visitors -----------------------------------------------------------------------------------------------------

-- The limits of a visitor from the arguments that begin at `first`; nil for anybody else.
local function read_visitor(first)
  local address, jobs, open, total, expires, ttl = unpack(ARGV, first, first + 5)
  if address ~= '' then
    return {
      address = address,
      jobs = tonumber(jobs),
      open = tonumber(open),
      total = tonumber(total),
      expires_ms = tonumber(expires),
      ttl = ttl,
    }
  end
end

-- All keys that a visitor's job changes in addition.
local function check_visitor(visitor)
  check_hashes('rq:visitor-jobs')
  check_counters('rq:visitor-count:' .. visitor.address)
end

-- Why a visitor may not add a job, and the oldest open job of all visitors if they have no place left; nil if it may.
local function visitor_refusal(tenant, visitor)
  local own, total, oldest, oldest_sequence = 0, 0, nil, math.huge
  for id, owner in pairs(pairs_to_map(redis.call('HGETALL', 'rq:visitor-jobs'))) do
    local status, sequence = unpack(redis.call('HMGET', 'rq:job:' .. id, 'status', 'sequence'))
    if not status or TERMINAL[status] then
      redis.call('HDEL', 'rq:visitor-jobs', id)
    else
      total = total + 1
      own = own + (owner == tenant and 1 or 0)
      if tonumber(sequence) < oldest_sequence then
        oldest, oldest_sequence = id, tonumber(sequence)
      end
    end
  end
  if own >= visitor.open then
    return 'quota_exceeded'
  end
  if tonumber(redis.call('GET', 'rq:visitor-count:' .. visitor.address) or 0) >= visitor.jobs then
    return 'address_limit_reached'
  end
  if total >= visitor.total then
    return 'visitors_full', load_job(oldest)
  end
end

local function count_visitor_job(tenant, visitor, id)
  redis.call('HSET', 'rq:visitor-jobs', id, tenant)
  if redis.call('INCR', 'rq:visitor-count:' .. visitor.address) == 1 then
    redis.call('PEXPIRE', 'rq:visitor-count:' .. visitor.address, visitor.ttl)
  end
end

local function forget_visitor_jobs(tenant)
  for id, owner in pairs(pairs_to_map(redis.call('HGETALL', 'rq:visitor-jobs'))) do
    if owner == tenant then
      redis.call('HDEL', 'rq:visitor-jobs', id)
    end
  end
end

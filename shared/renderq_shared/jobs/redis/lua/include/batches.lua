-- Batches ------------------------------------------------------------------------------------------------------

local function batch_key(id)
  return 'rq:batch:' .. id
end

-- The keys that a job of a batch changes when it comes or goes.
local function check_batch(job)
  if job.batch_id then
    check_zsets(batch_key(job.batch_id), 'rq:batches:' .. job.tenant)
  end
end

-- Forget a job that is no longer here; with the last one, forget the batch.
local function leave_batch(job)
  if job.batch_id then
    redis.call('ZREM', batch_key(job.batch_id), job.id)
    if redis.call('EXISTS', batch_key(job.batch_id)) == 0 then
      redis.call('ZREM', 'rq:batches:' .. job.tenant, job.batch_id)
    end
  end
end

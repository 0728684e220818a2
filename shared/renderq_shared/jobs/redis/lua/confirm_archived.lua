#!lua flags=allow-oom
-- Confirm that the history and the object store hold these versions of ended jobs.
--
-- ARGV: id, version, …
-- Returns nothing.
-- Atomic: all of it. A job that has changed since stays in the outbox, due now.

check_zsets('rq:unarchived', 'rq:archived')
for i = 1, #ARGV, 2 do
  check_hashes('rq:job:' .. ARGV[i])
end
for i = 1, #ARGV, 2 do
  local id, version = ARGV[i], tonumber(ARGV[i + 1])
  local job = load_ended_job(id)
  if not job then
    redis.call('ZREM', 'rq:unarchived', id)
  elseif tonumber(job.version) <= version then
    redis.call('ZREM', 'rq:unarchived', id)
    redis.call('ZADD', 'rq:archived', 'NX', job.completed_ms, id)
  else
    redis.call('ZADD', 'rq:unarchived', format_int(NOW), id)
  end
end

#!lua flags=allow-oom
-- Write an update of a running job.
--
-- ARGV: id, claim id, indexes of finished images separated by spaces, then field, value, …
-- Returns {held, canceling or lost; 1 if a held job's previews have subscribers, else 0}.
-- Atomic: fence, write, outbox. Unchanged fields are no update: a repeat neither counts nor is published.

local id, claim = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.claim_id ~= claim or TERMINAL[job.status] then
  return { 'lost', 0 }
end
check_hashes('rq:remaining-cost')
if job.webhook_host then
  check_outbox(job.tenant, job.webhook_host)
end
local changes = {}
for i = 4, #ARGV, 2 do
  if job[ARGV[i]] ~= ARGV[i + 1] then
    changes[ARGV[i]] = ARGV[i + 1]
  end
end
if changes.progress_json then
  local progress = cjson.decode(changes.progress_json)
  if (tonumber(progress.steps) or 0) > 0 then
    set_remaining_cost(job, job.cost * (1 - progress.step / progress.steps))
    changes.remaining_cost = job.remaining_cost
  end
end
if next(changes) then
  update_job(job, changes)
end
enqueue_output_events(job, ARGV[3])
if job.status == 'canceling' then
  return { 'canceling', 0 }
end
return { 'held', redis.call('PUBSUB', 'NUMSUB', previews(id))[2] > 0 and 1 or 0 }

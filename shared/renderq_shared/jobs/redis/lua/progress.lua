#!lua flags=allow-oom
-- Write news of a running job.
--
-- ARGV: id, claim id, indexes of the finished pictures apart by spaces, then field, value, …
-- Returns {held, canceling or lost, 1 if somebody looks at the previews of a job that is held, else 0}.
-- Atomic: fence, write, outbox. What is already there is no news: a repeat neither counts nor is published.

local id, claim = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.claim_id ~= claim or TERMINAL[job.status] then
  return { 'lost', 0 }
end
local news = {}
for i = 4, #ARGV, 2 do
  if job[ARGV[i]] ~= ARGV[i + 1] then
    news[ARGV[i]] = ARGV[i + 1]
  end
end
if news.progress_json then
  local done = cjson.decode(news.progress_json)
  if (tonumber(done.steps) or 0) > 0 then
    set_remaining_cost(job, job.cost * (1 - done.step / done.steps))
    news.remaining_cost = job.remaining_cost
  end
end
if next(news) then
  update_job(job, news)
end
enqueue_output_events(job, ARGV[3])
if job.status == 'canceling' then
  return { 'canceling', 0 }
end
return { 'held', redis.call('PUBSUB', 'NUMSUB', previews(id))[2] > 0 and 1 or 0 }

#!lua flags=allow-oom
-- Write news of a running job.
--
-- ARGV: id, claim id, indexes of the finished pictures apart by spaces, then field, value, …
-- Returns held, canceling or lost.
-- Atomic: fence, write, outbox. What is already there is no news: a repeat neither counts nor is published.

local id, claim = ARGV[1], ARGV[2]
local job = load_job(id)
if not job or job.claim_id ~= claim or TERMINAL[job.status] then
  return 'lost'
end
local news = {}
for i = 4, #ARGV, 2 do
  if job[ARGV[i]] ~= ARGV[i + 1] then
    news[ARGV[i]] = ARGV[i + 1]
  end
end
if next(news) then
  change(job, news)
end
announce_outputs(job, ARGV[3])
return job.status == 'canceling' and 'canceling' or 'held'

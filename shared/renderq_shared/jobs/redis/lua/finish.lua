#!lua flags=allow-oom
-- End a job: running -> succeeded or failed, canceling -> canceled with any outcome.
--
-- ARGV: id, claim id, status, error_json ('' for none), measured cost ('' for none), indexes of finished images
--       separated by spaces, device, device share, device time and load time in ms ('' each if not measured), number of
--       timing samples to keep per model, then field, value, …
-- Returns {accepted (1 or 0), job as flat pairs}.
-- Atomic: fence, terminal status with the last update, correction of the charge, timing sample of the model.

local id, claim, status, error_json, cost = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local job = load_job(id)
if not job then
  return { 0, {} }
end
if job.ended_by == claim then
  return { 1, map_to_pairs(job) }
end
local is_unrequested = status == 'canceled' and job.status == 'running'
if job.claim_id ~= claim or TERMINAL[job.status] or is_unrequested then
  return { 0, map_to_pairs(job) }
end

check_job(job)
check_lists('rq:timings:' .. job.model)

local fields = { ended_by = claim }
for i = 12, #ARGV, 2 do
  fields[ARGV[i]] = ARGV[i + 1]
end
if job.status == 'canceling' then
  status = 'canceled'
elseif error_json ~= '' then
  fields.error_json = error_json
end
if cost ~= '' then
  fields.charge = adjust_charge(job, cost)
end
end_job(job, status, fields, true)
if status == 'succeeded' and ARGV[7] ~= '' then
  local wall_ms = format_int(NOW - job.started_ms)
  local key = 'rq:timings:' .. job.model
  redis.call('LPUSH', key, table.concat({ ARGV[8], ARGV[9], ARGV[10], wall_ms, job.cost, job.images, ARGV[7] }, ' '))
  redis.call('LTRIM', key, 0, ARGV[11] - 1)
end
enqueue_output_events(job, ARGV[6])
return { 1, map_to_pairs(job) }

#!lua
-- Set whether a job is kept, and its labels.
--
-- ARGV: tenant, id, kept (1, 0, or '' to leave it), labels_json ('' to leave it, '[]' for none)
-- Returns the job as flat pairs; nothing if the tenant has no such job.
-- Atomic: the change, its version, and the outbox entry of an ended job. Nothing is written if nothing changes. A full
--         server refuses it.

local tenant, id, kept, labels = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local job = load_job(id)
if not job or job.tenant ~= tenant then
  return {}
end
check_zsets('rq:unarchived', 'rq:archived')
local fields, cleared = {}, {}

local function set(name, value)
  if value and job[name] ~= value then
    fields[name] = value
  elseif not value and job[name] then
    cleared[#cleared + 1] = name
  end
end

if kept ~= '' then
  set('kept', kept == '1' and '1' or nil)
end
if labels ~= '' then
  set('labels_json', labels ~= '[]' and labels or nil)
end
if next(fields) or #cleared > 0 then
  update_job(job, fields, cleared)
  if TERMINAL[job.status] then
    schedule_archive(id)
  end
end
return map_to_pairs(job)

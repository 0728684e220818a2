#!lua flags=allow-oom
-- Confirm that the history has ended deliveries, and delete them here.
--
-- ARGV: id, log_json as the history has it ('' for none), …
-- Returns nothing.
-- Atomic: all of it. A delivery that is sent again, or has been since, stays.

check_zsets('rq:unarchived-deliveries')
for i = 1, #ARGV, 2 do
  check_hashes('rq:delivery:' .. ARGV[i])
end
for i = 1, #ARGV, 2 do
  local id, log = ARGV[i], ARGV[i + 1]
  local delivery = load_delivery(id)
  if delivery and delivery.status ~= 'pending' and (delivery.log_json or '') == log then
    redis.call('DEL', 'rq:delivery:' .. id)
    redis.call('ZREM', 'rq:unarchived-deliveries', id)
  end
end

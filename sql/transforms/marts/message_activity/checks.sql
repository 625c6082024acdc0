-- check: touched_before_it_was_sent (warn)
-- The clocks of the edge service and of the senders differ.
SELECT count(*)
FROM activation.tracking_events AS t
INNER JOIN activation.sends AS s ON t.send_id = s.send_id
WHERE
    t.occurred_at > %(now)s::timestamptz - interval '1 day'
    AND t.occurred_at < s.sending_at - interval '1 minute'
    AND NOT t.is_simulated;

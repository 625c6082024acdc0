-- check: newer_refusal_ignored (stop)
SELECT count(*)
FROM privacy.consents AS c
WHERE
    c.granted
    AND c.contact_point_id IN (SELECT t.contact_point_id FROM touched_points AS t)
    AND EXISTS (
        SELECT FROM privacy.consent_events AS e
        WHERE
            e.contact_point_id = c.contact_point_id AND e.channel = c.channel AND e.purpose = c.purpose
            AND NOT e.granted AND e.occurred_at >= c.changed_at
    );

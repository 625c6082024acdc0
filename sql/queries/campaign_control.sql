-- Statements by which people stop campaigns: the switch of a campaign's DAG, and the form of control_campaign.

-- name: switch
-- By the DAG's switch. What the form holds stays held. Switched on, it forgets why it had stopped by itself.
INSERT INTO activation.campaign_states AS c (campaign, is_paused, is_switched_off, changed_at, changed_by)
VALUES (%(campaign)s, %(paused)s, %(paused)s, %(now)s, %(by)s)
ON CONFLICT (campaign) DO UPDATE
    SET
        is_switched_off = excluded.is_switched_off,
        is_paused = excluded.is_switched_off OR c.is_held,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by,
        reason = CASE WHEN excluded.is_switched_off OR c.is_held THEN c.reason END
    WHERE
    c.is_switched_off <> excluded.is_switched_off
    OR c.is_paused <> (excluded.is_switched_off OR c.is_held);

-- name: hold
-- By the form. Resumed, it goes on unless its DAG is switched off. Why it had stopped by itself stays behind the note: a reason of
-- what is not held is never a person's.
INSERT INTO activation.campaign_states AS c (campaign, is_paused, is_held, changed_at, changed_by, reason)
VALUES (%(campaign)s, %(held)s, %(held)s, %(now)s, %(by)s, %(note)s)
ON CONFLICT (campaign) DO UPDATE
    SET
        is_held = excluded.is_held,
        is_paused = excluded.is_held OR c.is_switched_off,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by,
        reason = CASE
            WHEN excluded.is_held THEN nullif(concat_ws('; ', excluded.reason, CASE WHEN NOT c.is_held THEN c.reason END), '')
        END
    WHERE c.is_held <> excluded.is_held OR c.is_paused <> (excluded.is_held OR c.is_switched_off);

-- name: is_paused
SELECT c.is_paused FROM activation.campaign_states AS c
WHERE c.campaign = %(campaign)s;

-- name: plans_cancel
-- Plans of which something may still be sent: from here on the senders begin nothing of them, whatever their messages' rows still
-- say. The states are looked up one by one in the index: a year of plans with a million messages each that are all sent costs nothing.
UPDATE activation.plans AS p
SET
    state = 'cancelled',
    cancelled_by = %(by)s,
    cancelled_at = %(now)s
WHERE
    p.campaign = %(campaign)s
    AND (%(occasion)s::text IS NULL OR p.occasion = %(occasion)s)
    AND NOT p.is_dry_run
    AND p.state IN ('planned', 'approved', 'released')
    AND EXISTS (
        SELECT 1 FROM activation.sends AS s
        WHERE s.plan_id = p.plan_id AND s.state IN ('planned', 'released', 'deferred', 'claimed')
    );

-- name: cancelled_plans
-- Those that have messages left which nobody has come to yet, from an earlier run as well.
SELECT p.plan_id
FROM activation.plans AS p
WHERE
    p.campaign = %(campaign)s
    AND p.state = 'cancelled'
    AND EXISTS (
        SELECT 1 FROM activation.sends AS s
        WHERE s.plan_id = p.plan_id AND s.state IN ('planned', 'released', 'deferred')
    )
ORDER BY p.plan_id;

-- name: sends_cancel
-- A piece of its messages. Those that a sender holds are left to it: its last look finds the plan cancelled.
WITH piece AS (
    SELECT s.send_id
    FROM activation.sends AS s
    WHERE s.plan_id = %(plan_id)s AND s.state IN ('planned', 'released', 'deferred')
    ORDER BY s.state
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)

UPDATE activation.sends AS s
SET
    state = 'cancelled',
    reason = 'cancelled_by_person',
    settled_at = %(now)s
FROM piece
WHERE s.send_id = piece.send_id;

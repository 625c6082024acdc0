-- Statements about how far a mailbox of bounces was read.

-- name: position
SELECT p.last_uid
FROM activation.mailbox_positions AS p
WHERE p.mailbox = %(mailbox)s AND p.uid_validity = %(uid_validity)s;

-- name: set_position
INSERT INTO activation.mailbox_positions (mailbox, uid_validity, last_uid, read_at)
VALUES (%(mailbox)s, %(uid_validity)s, %(last_uid)s, %(now)s)
ON CONFLICT (mailbox) DO UPDATE
    SET uid_validity = excluded.uid_validity, last_uid = excluded.last_uid, read_at = excluded.read_at;

-- How far a mailbox of bounces was read.
CREATE TABLE activation.mailbox_positions (
    mailbox text PRIMARY KEY,
    uid_validity bigint NOT NULL,
    last_uid bigint NOT NULL,
    read_at timestamptz NOT NULL
);
COMMENT ON TABLE activation.mailbox_positions IS 'One row per folder of a mailbox: up to which mail it was read, so that a run looks at new ones only';
COMMENT ON COLUMN activation.mailbox_positions.mailbox IS 'Name of the connection, and the folder; no address';
COMMENT ON COLUMN activation.mailbox_positions.uid_validity IS 'The server''s word for the numbering of the mails (RFC 3501, 2.3.1.1); when it changes, all are looked at anew';
COMMENT ON COLUMN activation.mailbox_positions.last_uid IS 'The number of the last mail that was dealt with';
COMMENT ON COLUMN activation.mailbox_positions.read_at IS 'When that was';
GRANT SELECT, INSERT, UPDATE ON activation.mailbox_positions TO marketflow_sender;

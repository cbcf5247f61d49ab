-- Telling people: what they have to be told, written in the transaction that made it true, and what became of it.

-- The transactional outbox.
CREATE TABLE notice (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    subject_kind  TEXT NOT NULL, -- alarm, case, channel
    subject_id    TEXT NOT NULL,
    occasion      TEXT NOT NULL,
    step          INTEGER NOT NULL, -- of an escalation; else 0
    severity      INTEGER NOT NULL,
    audience_kind TEXT NOT NULL, -- owner, township, office, centre
    audience_id   TEXT NOT NULL, -- empty: the centre
    device_id     TEXT,
    site_id       TEXT,
    at_ms         INTEGER NOT NULL,
    title_zh      TEXT NOT NULL,
    title_en      TEXT NOT NULL,
    body_zh       TEXT NOT NULL,
    body_en       TEXT NOT NULL,
    addressed_at_ms INTEGER -- when its deliveries were written; NULL: not yet
) STRICT;
CREATE INDEX notice_to_address ON notice (id) WHERE addressed_at_ms IS NULL;
CREATE INDEX notice_of_subject ON notice (subject_kind, subject_id);

-- One notice on its way to one target of a channel.
CREATE TABLE delivery (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    notice_id         INTEGER NOT NULL REFERENCES notice (id),
    channel           TEXT NOT NULL, -- its name in the configuration
    address           TEXT NOT NULL, -- a telephone number, a mail address, a township; empty: the channel has one place
    severity          INTEGER NOT NULL, -- the notice's, for the order
    account_id        INTEGER, -- whose address it is; NULL: nobody's in particular
    state             TEXT NOT NULL, -- waiting, sent, failed, given_up
    is_under_way      INTEGER NOT NULL, -- an attempt has begun, and what became of it is not written yet
    is_maybe_repeated INTEGER NOT NULL, -- an earlier attempt may have arrived
    message_id        INTEGER, -- smallest delivery of those that go as one message; NULL: not tried yet
    attempts          INTEGER NOT NULL,
    created_at_ms     INTEGER NOT NULL,
    due_at_ms         INTEGER NOT NULL, -- not before
    tried_at_ms       INTEGER,
    sent_at_ms        INTEGER,
    last_error        TEXT,
    receipt           TEXT -- what the service calls it
) STRICT;
CREATE INDEX delivery_waiting ON delivery (channel, severity, id) WHERE state = 'waiting';
CREATE INDEX delivery_due ON delivery (channel, due_at_ms) WHERE state = 'waiting';
CREATE INDEX delivery_of_notice ON delivery (notice_id);

-- Where a person can be reached; empty: nowhere.
ALTER TABLE account ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN email TEXT NOT NULL DEFAULT '';

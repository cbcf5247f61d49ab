-- Telling people: what they have to be told, written in the transaction that made it true, and what became of it.

-- The transactional outbox.
CREATE TABLE notice (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_kind  TEXT NOT NULL, -- alarm, case, channel
    subject_id    TEXT NOT NULL,
    occasion      TEXT NOT NULL,
    step          BIGINT NOT NULL, -- of an escalation; else 0
    severity      BIGINT NOT NULL,
    audience_kind TEXT NOT NULL, -- owner, township, office, centre
    audience_id   TEXT NOT NULL, -- empty: the centre
    device_id     TEXT,
    site_id       TEXT,
    at_ms         BIGINT NOT NULL,
    title_zh      TEXT NOT NULL,
    title_en      TEXT NOT NULL,
    body_zh       TEXT NOT NULL,
    body_en       TEXT NOT NULL,
    addressed_at_ms BIGINT -- when its deliveries were written; NULL: not yet
);
CREATE INDEX notice_to_address ON notice (id) WHERE addressed_at_ms IS NULL;
CREATE INDEX notice_of_subject ON notice (subject_kind, subject_id);

-- One notice on its way to one target of a channel.
CREATE TABLE delivery (
    id                BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id         BIGINT NOT NULL REFERENCES notice (id),
    channel           TEXT NOT NULL, -- its name in the configuration
    address           TEXT NOT NULL, -- a telephone number, a mail address, a township; empty: the channel has one place
    severity          BIGINT NOT NULL, -- the notice's, for the order
    account_id        BIGINT, -- whose address it is; NULL: nobody's in particular
    state             TEXT NOT NULL, -- waiting, sent, failed, given_up
    is_under_way      BIGINT NOT NULL, -- an attempt has begun, and what became of it is not written yet
    is_maybe_repeated BIGINT NOT NULL, -- an earlier attempt may have arrived
    message_id        BIGINT, -- smallest delivery of those that go as one message; NULL: not tried yet
    attempts          BIGINT NOT NULL,
    created_at_ms     BIGINT NOT NULL,
    due_at_ms         BIGINT NOT NULL, -- not before
    tried_at_ms       BIGINT,
    sent_at_ms        BIGINT,
    last_error        TEXT,
    receipt           TEXT -- what the service calls it
);
CREATE INDEX delivery_waiting ON delivery (channel, severity, id) WHERE state = 'waiting';
CREATE INDEX delivery_due ON delivery (channel, due_at_ms) WHERE state = 'waiting';
CREATE INDEX delivery_of_notice ON delivery (notice_id);

-- Where a person can be reached; empty: nowhere.
ALTER TABLE account ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN email TEXT NOT NULL DEFAULT '';

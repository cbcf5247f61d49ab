-- One logical schema with migrations/sqlite: same tables, columns and meanings.

-- Which history of this store it is. Changed by a restore: edge nodes then send again what this store has not committed.
CREATE TABLE store_epoch (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL -- UUID
);

-- Which numbered messages of an edge node's outbox are committed, as far as the steps are folded in.
CREATE TABLE outbox (
    id              BIGINT PRIMARY KEY,
    node_id         TEXT NOT NULL,
    incarnation     TEXT NOT NULL, -- UUID
    numbers         BYTEA NOT NULL,
    reading_count   BIGINT NOT NULL, -- readings committed under these numbers
    through_journal BIGINT NOT NULL, -- steps up to this one are folded in
    used_at_ms      BIGINT NOT NULL,
    UNIQUE (node_id, incarnation)
);

-- What each batch added to the outboxes: a few bytes a node, written in the transaction of its readings and folded into
-- `outbox` some seconds later.
CREATE TABLE outbox_step (
    journal_id BIGINT PRIMARY KEY,
    steps      BYTEA NOT NULL
);

-- The loss ledger: what became of an edge node's readings, hour by hour of the gateway's clock.
CREATE TABLE ledger_hour (
    node_id            TEXT NOT NULL,
    hour_ms            BIGINT NOT NULL, -- when the hour began
    produced_readings  BIGINT NOT NULL, -- by the node's own count
    sent_messages      BIGINT NOT NULL, -- by the node's own count, repetitions included
    received_messages  BIGINT NOT NULL,
    received_readings  BIGINT NOT NULL,
    committed_messages BIGINT NOT NULL,
    committed_readings BIGINT NOT NULL,
    duplicate_messages BIGINT NOT NULL,
    shed_messages      BIGINT NOT NULL,
    shed_readings      BIGINT NOT NULL,
    refused_readings   BIGINT NOT NULL,
    PRIMARY KEY (node_id, hour_ms)
);

-- What is missing, from when to when, and why.
CREATE TABLE ledger_gap (
    node_id     TEXT NOT NULL,
    why         TEXT NOT NULL,
    from_ms     BIGINT NOT NULL,
    first_seq   BIGINT NOT NULL, -- in a node's outbox; 0: the node has none
    last_seq    BIGINT NOT NULL,
    to_ms       BIGINT NOT NULL,
    messages    BIGINT NOT NULL,
    readings    BIGINT, -- NULL: nobody can know
    noted_at_ms BIGINT NOT NULL,
    PRIMARY KEY (node_id, why, from_ms, first_seq)
);
CREATE INDEX ledger_gap_by_time ON ledger_gap (noted_at_ms);

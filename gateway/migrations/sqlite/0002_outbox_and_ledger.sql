-- One logical schema with migrations/postgres: same tables, columns and meanings.

-- Which history of this store it is. Changed by a restore: edge nodes then send again what this store has not committed.
CREATE TABLE store_epoch (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL -- UUID
) STRICT;

-- Which numbered messages of an edge node's outbox are committed, as far as the steps are folded in.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    node_id         TEXT NOT NULL,
    incarnation     TEXT NOT NULL, -- UUID
    numbers         BLOB NOT NULL,
    reading_count   INTEGER NOT NULL, -- readings committed under these numbers
    through_journal INTEGER NOT NULL, -- steps up to this one are folded in
    used_at_ms      INTEGER NOT NULL,
    UNIQUE (node_id, incarnation)
) STRICT;

-- What each batch added to the outboxes: a few bytes a node, written in the transaction of its readings and folded into
-- `outbox` some seconds later.
CREATE TABLE outbox_step (
    journal_id INTEGER PRIMARY KEY,
    steps      BLOB NOT NULL
) STRICT;

-- The loss ledger: what became of an edge node's readings, hour by hour of the gateway's clock.
CREATE TABLE ledger_hour (
    node_id            TEXT NOT NULL,
    hour_ms            INTEGER NOT NULL, -- when the hour began
    produced_readings  INTEGER NOT NULL, -- by the node's own count
    sent_messages      INTEGER NOT NULL, -- by the node's own count, repetitions included
    received_messages  INTEGER NOT NULL,
    received_readings  INTEGER NOT NULL,
    committed_messages INTEGER NOT NULL,
    committed_readings INTEGER NOT NULL,
    duplicate_messages INTEGER NOT NULL,
    shed_messages      INTEGER NOT NULL,
    shed_readings      INTEGER NOT NULL,
    refused_readings   INTEGER NOT NULL,
    PRIMARY KEY (node_id, hour_ms)
) STRICT, WITHOUT ROWID;

-- What is missing, from when to when, and why.
CREATE TABLE ledger_gap (
    node_id     TEXT NOT NULL,
    why         TEXT NOT NULL,
    from_ms     INTEGER NOT NULL,
    first_seq   INTEGER NOT NULL, -- in a node's outbox; 0: the node has none
    last_seq    INTEGER NOT NULL,
    to_ms       INTEGER NOT NULL,
    messages    INTEGER NOT NULL,
    readings    INTEGER, -- NULL: nobody can know
    noted_at_ms INTEGER NOT NULL,
    PRIMARY KEY (node_id, why, from_ms, first_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_gap_by_time ON ledger_gap (noted_at_ms);

-- What the rule engine remembers, in portions: each as it was after one batch. A start takes them up and plays the journal
-- behind them; the journal is kept that far.
CREATE TABLE engine_checkpoint (
    shard           BIGINT PRIMARY KEY,
    through_journal BIGINT NOT NULL, -- the last batch that is in it
    state           BYTEA NOT NULL
);

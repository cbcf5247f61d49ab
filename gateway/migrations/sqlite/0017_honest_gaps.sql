-- One logical schema with migrations/postgres: same tables, columns and meanings.

-- A power cut skips numbers that nobody may have used: they are no messages. In `messages`, 0 means that nobody can know.
UPDATE ledger_gap SET messages = 0 WHERE why = 'power_cut';

-- At most so much of the time between is missing; NULL: all of it may be.
ALTER TABLE ledger_gap ADD COLUMN at_most_ms INTEGER;

-- Chunks grow old: small ones are merged, those whose time is up are kept as rollups only.

-- A chunk that was merged into another, or whose time is up, stays for some minutes for those who have begun to read.
-- NULL: it is in use. Otherwise whoever's open tail begins behind this journal row, or further, no longer sees it.
ALTER TABLE chunk ADD COLUMN replaced_through BIGINT;
ALTER TABLE chunk ADD COLUMN replaced_at_ms BIGINT;
ALTER TABLE chunk ADD COLUMN byte_count BIGINT NOT NULL DEFAULT 0; -- of `readings`
UPDATE chunk SET byte_count = LENGTH(readings);

-- The order of arrival within a series, and all that the disk page wants to know, without a look at the readings.
CREATE INDEX chunk_by_arrival ON chunk (series_id, through_journal, id, reading_count, byte_count)
    WHERE replaced_through IS NULL;
-- What may be merged: less than half of the largest chunk.
CREATE INDEX chunk_small ON chunk (series_id, reading_count) WHERE replaced_through IS NULL AND reading_count < 2048;
CREATE INDEX chunk_replaced ON chunk (replaced_at_ms) WHERE replaced_through IS NOT NULL;

-- What is left of readings when their time is up: a summary for each minute, later hour, later day. A reading is in a
-- chunk or in exactly one of these.
CREATE TABLE rollup (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id   BIGINT NOT NULL REFERENCES series (id),
    step        BIGINT NOT NULL, -- 1: minutes of a day, 2: hours of 64 days, 3: days of 1024 days, all of Beijing time
    first_at_ms BIGINT NOT NULL, -- when the day, or the days, begin
    end_at_ms   BIGINT NOT NULL, -- when they end, exclusive
    cells       BYTEA NOT NULL,
    UNIQUE (series_id, step, first_at_ms)
);
CREATE INDEX rollup_by_end ON rollup (step, end_at_ms);

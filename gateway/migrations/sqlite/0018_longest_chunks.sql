-- Chunks are merged up to 32 768 readings: what is below half of that is small.
DROP INDEX chunk_small;
CREATE INDEX chunk_small ON chunk (series_id, reading_count) WHERE replaced_through IS NULL AND reading_count < 16384;

-- The gravest notice is addressed first, however many wait.
DROP INDEX notice_to_address;
CREATE INDEX notice_to_address ON notice (severity, id) WHERE addressed_at_ms IS NULL;

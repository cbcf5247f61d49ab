-- Telling people: delays by a clock that nobody sets, groups by edge node and cause, milestones of a rescue, people's own
-- quiet hours.

-- How long a delivery waits, and until when, goes by a clock that nobody sets: what the wall clock showed when the process
-- started, moved on by the monotonic one. `created_at_ms`, `tried_at_ms` and `sent_at_ms` are of the wall clock.
ALTER TABLE delivery ADD COLUMN waits_since_ms INTEGER NOT NULL DEFAULT 0;
UPDATE delivery SET waits_since_ms = created_at_ms;
-- By how much the wall clock was set forward since that process started: the next one begins with the wall clock anew.
CREATE TABLE delivery_clock (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    set_by_ms INTEGER NOT NULL
) STRICT;
INSERT INTO delivery_clock (id, set_by_ms) VALUES (1, 0);

-- Which edge node speaks for the device, and what the matter is, in a few words by which alike ones are counted.
ALTER TABLE notice ADD COLUMN node_id TEXT;
ALTER TABLE notice ADD COLUMN matter_zh TEXT NOT NULL DEFAULT '';
ALTER TABLE notice ADD COLUMN matter_en TEXT NOT NULL DEFAULT '';

-- Of an entrapment: up to which second after its beginning the milestones were told.
ALTER TABLE duty_case ADD COLUMN milestones_told_s INTEGER NOT NULL DEFAULT 0;

-- When a person is not to be called for III and IV, in minutes of the day in Beijing; NULL: at no time.
ALTER TABLE account ADD COLUMN quiet_from_min INTEGER;
ALTER TABLE account ADD COLUMN quiet_to_min INTEGER;

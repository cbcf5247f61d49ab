-- The whole life cycle after ISA-18.2 / IEC 62682: shelves, latches, suppression, service; and which version of its rule
-- an alarm was raised by.

ALTER TABLE alarm ADD COLUMN is_latching INTEGER NOT NULL DEFAULT 0;
-- Who or what keeps it from calling anybody; `why` is NULL when nothing does.
ALTER TABLE alarm ADD COLUMN set_aside_by TEXT;
ALTER TABLE alarm ADD COLUMN set_aside_why TEXT;
ALTER TABLE alarm ADD COLUMN set_aside_until_ms INTEGER;
-- How long after the event the reading that raised it came; 0: in time.
ALTER TABLE alarm ADD COLUMN late_ms INTEGER NOT NULL DEFAULT 0;
-- See rule_version; NULL: raised before versions were kept.
ALTER TABLE alarm ADD COLUMN rule_version INTEGER;

-- Where the alarm stood after the event, how bad it was, and the reading that brought it about.
ALTER TABLE alarm_event ADD COLUMN state TEXT;
ALTER TABLE alarm_event ADD COLUMN severity INTEGER;
ALTER TABLE alarm_event ADD COLUMN until_ms INTEGER; -- of what sets it aside
ALTER TABLE alarm_event ADD COLUMN cause_metric TEXT;
ALTER TABLE alarm_event ADD COLUMN cause_reading BLOB; -- as a journal frame of one

-- Devices and rules that are, or were, out of service.
CREATE TABLE out_of_service (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id   TEXT NOT NULL,
    rule_id     TEXT NOT NULL, -- empty: all rules of the device
    by_username TEXT NOT NULL,
    why         TEXT NOT NULL,
    since_ms    INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL,
    ended_at_ms INTEGER,
    ended_by    TEXT, -- NULL with an end: its time was up
    end_note    TEXT
) STRICT;
CREATE UNIQUE INDEX out_of_service_once ON out_of_service (device_id, rule_id) WHERE ended_at_ms IS NULL;

-- Every wording of every rule that ever judged, so that an alarm can always say by which one it was raised.
CREATE TABLE rule_version (
    profile_id  TEXT NOT NULL,
    rule_id     TEXT NOT NULL,
    version     INTEGER NOT NULL, -- from 1 within the rule
    since_ms    INTEGER NOT NULL,
    by_username TEXT, -- NULL: it came with the profile's file
    definition  TEXT NOT NULL, -- TOML
    PRIMARY KEY (profile_id, rule_id, version)
) STRICT, WITHOUT ROWID;

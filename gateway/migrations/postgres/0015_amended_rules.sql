-- Rules in a wording of their own for one device, one site or every device of a kind, in place of the profile's. The words
-- stand in rule_version with the others; what is taken back is deleted here, and stays there and in the audit log.
CREATE TABLE amendment (
    profile_id  TEXT NOT NULL,
    rule_id     TEXT NOT NULL,
    reach       TEXT NOT NULL, -- device, site or everywhere
    place_id    TEXT NOT NULL, -- which device or site; empty: everywhere
    version     BIGINT NOT NULL, -- see rule_version
    by_username TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    why         TEXT NOT NULL,
    PRIMARY KEY (profile_id, rule_id, reach, place_id)
);

-- The nameplates that devices have had, so that an old alarm can say by which number it was raised.
CREATE TABLE nameplate_version (
    device_id   TEXT NOT NULL,
    since_ms    BIGINT NOT NULL,
    nameplate   TEXT NOT NULL, -- JSON
    PRIMARY KEY (device_id, since_ms)
);
INSERT INTO nameplate_version (device_id, since_ms, nameplate) SELECT id, 0, nameplate FROM device;

-- Past alarms of a time: what people search.
CREATE INDEX alarm_raised_at ON alarm (raised_at_ms);

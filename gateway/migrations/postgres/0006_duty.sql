-- Cases, escalation and duty rosters. One logical schema with migrations/sqlite: same tables, columns and meanings.

-- 处置单: the row is where a case stands, the events are its time line. `case` itself is a word of SQL.
-- The times that deadlines are counted from (began, entered, due, check) are moved when somebody sets the gateway's clock.
CREATE TABLE duty_case (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id          TEXT NOT NULL REFERENCES site (id),
    plan             TEXT NOT NULL,
    severity         BIGINT NOT NULL,
    state            TEXT NOT NULL,
    title_zh         TEXT NOT NULL,
    title_en         TEXT NOT NULL,
    opened_at_ms     BIGINT NOT NULL,
    opened_by        TEXT, -- NULL: it came with its alarm
    began_at_ms      BIGINT NOT NULL,
    entered_at_ms    BIGINT NOT NULL,
    due_at_ms        BIGINT, -- of the present step; NULL: closed
    check_at_ms      BIGINT, -- when there may be something to tell of its time; NULL: not before somebody does something
    overdue_told     BIGINT NOT NULL, -- how far up: 0 nobody, 1 ground, 2 office, 3 centre
    is_accident_told BIGINT NOT NULL,
    assignee         TEXT, -- such as `office:furong` or `person:zhang`
    handler          TEXT,
    handled_by       TEXT,
    outcome          TEXT, -- a cause, or `false_alarm`
    contacted_at_ms  BIGINT,
    arrived_at_ms    BIGINT,
    freed_at_ms      BIGINT,
    closed_at_ms     BIGINT,
    event_count      BIGINT NOT NULL
);
CREATE INDEX duty_case_of_site ON duty_case (site_id, id);
CREATE INDEX duty_case_open ON duty_case (due_at_ms) WHERE closed_at_ms IS NULL;
CREATE INDEX duty_case_to_check ON duty_case (check_at_ms) WHERE check_at_ms IS NOT NULL;

CREATE TABLE case_alarm (
    case_id      BIGINT NOT NULL REFERENCES duty_case (id),
    alarm_id     BIGINT NOT NULL REFERENCES alarm (id),
    device_id    TEXT NOT NULL,
    closed_at_ms BIGINT, -- as of the case
    PRIMARY KEY (case_id, alarm_id)
);
-- The promise that an alarm is in at most one open case is kept here, whatever the program does.
CREATE UNIQUE INDEX case_alarm_open_once ON case_alarm (alarm_id) WHERE closed_at_ms IS NULL;
CREATE INDEX case_alarm_of_alarm ON case_alarm (alarm_id);
CREATE INDEX case_alarm_of_device ON case_alarm (device_id) WHERE closed_at_ms IS NULL;

CREATE TABLE case_event (
    case_id         BIGINT NOT NULL REFERENCES duty_case (id),
    number          BIGINT NOT NULL, -- from 1 within the case
    at_ms           BIGINT NOT NULL,
    what            TEXT NOT NULL,
    by_username     TEXT, -- NULL: the clock, or its alarm
    note            TEXT NOT NULL,
    state           TEXT NOT NULL, -- of the case afterwards
    assignee        TEXT, -- of an assignment
    told            BIGINT, -- of a limit that has passed: 1 ground, 2 office, 3 centre
    alarm_id        BIGINT, -- of an alarm that was added
    photo_number    BIGINT, -- of a photo
    idempotency_key TEXT,
    PRIMARY KEY (case_id, number)
);
-- One press of a key is done once, whatever comes twice over the network.
CREATE UNIQUE INDEX case_event_once ON case_event (by_username, idempotency_key, case_id)
    WHERE idempotency_key IS NOT NULL;

-- Photos stand in the database: they are backed up and committed with the step that they prove.
CREATE TABLE case_photo (
    case_id     BIGINT NOT NULL REFERENCES duty_case (id),
    number      BIGINT NOT NULL, -- from 1 within the case
    at_ms       BIGINT NOT NULL,
    by_username TEXT NOT NULL,
    media_type  TEXT NOT NULL, -- `image/jpeg` or `image/png`, by the picture's own header
    width       BIGINT NOT NULL, -- pixels
    height      BIGINT NOT NULL,
    picture     BYTEA NOT NULL,
    PRIMARY KEY (case_id, number)
);

-- 升级: how far up each unanswered alarm was told. A row goes when somebody answers.
CREATE TABLE alarm_escalation (
    alarm_id  BIGINT PRIMARY KEY REFERENCES alarm (id),
    severity  BIGINT NOT NULL,
    since_ms  BIGINT NOT NULL, -- unanswered since
    reached   BIGINT NOT NULL, -- 0 nobody, 1 ground, 2 office, 3 centre
    due_at_ms BIGINT -- of the next look; NULL: everybody was told
);
CREATE INDEX alarm_escalation_due ON alarm_escalation (due_at_ms) WHERE due_at_ms IS NOT NULL;

-- The receipts: they stay.
CREATE TABLE alarm_told (
    alarm_id BIGINT NOT NULL REFERENCES alarm (id),
    number   BIGINT NOT NULL, -- from 1 within the alarm
    at_ms    BIGINT NOT NULL,
    told     BIGINT NOT NULL, -- 1 ground, 2 office, 3 centre
    PRIMARY KEY (alarm_id, number)
);

-- What was unanswered before escalation was there begins to climb now.
INSERT INTO alarm_escalation (alarm_id, severity, since_ms, reached, due_at_ms)
SELECT id, severity, raised_at_ms, 0, raised_at_ms FROM alarm WHERE closed_at_ms IS NULL
AND state IN ('active_unacknowledged', 'returned_unacknowledged', 'latched_unacknowledged');

-- 值班表.
CREATE TABLE roster_shift (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post     TEXT NOT NULL, -- such as `centre` or `township:500156001`
    from_ms  BIGINT NOT NULL,
    to_ms    BIGINT NOT NULL, -- exclusive
    person   TEXT NOT NULL,
    phone    TEXT NOT NULL,
    username TEXT
);
CREATE INDEX roster_shift_of_post ON roster_shift (post, from_ms);
CREATE INDEX roster_shift_by_time ON roster_shift (from_ms);

CREATE TABLE roster_handover (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post        TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    by_username TEXT NOT NULL,
    note        TEXT NOT NULL
);
CREATE INDEX roster_handover_of_post ON roster_handover (post, id);

-- What happened in a time, for the figures of alarm quality; which alarms were open at a moment; and the last alarms of a
-- rule on a device.
CREATE INDEX alarm_event_by_time ON alarm_event (at_ms, alarm_id, number);
CREATE INDEX alarm_by_end ON alarm (closed_at_ms);
CREATE INDEX alarm_of_rule ON alarm (device_id, rule_id, id);

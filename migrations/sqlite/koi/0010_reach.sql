-- +goose Up
-- Customer-service windows: what one follower of one official account may still be sent. closed_by says
-- why a window is shut before its time (see app/policy, Closed).
CREATE TABLE IF NOT EXISTS reach_windows (
    contact_id    INTEGER NOT NULL,
    app_id        TEXT    NOT NULL,
    message_until INTEGER NOT NULL,
    message_left  INTEGER NOT NULL,
    action_until  INTEGER NOT NULL,
    action_left   INTEGER NOT NULL,
    closed_by     INTEGER NOT NULL,
    closed_at     INTEGER NOT NULL,
    PRIMARY KEY (contact_id, app_id)
) WITHOUT ROWID;

-- Marketing messages to a person in the day, week and month named beside each count.
CREATE TABLE IF NOT EXISTS reach_touches (
    contact_id INTEGER NOT NULL PRIMARY KEY,
    day        INTEGER NOT NULL,
    in_day     INTEGER NOT NULL,
    week       INTEGER NOT NULL,
    in_week    INTEGER NOT NULL,
    month      INTEGER NOT NULL,
    in_month   INTEGER NOT NULL
);

-- Sends of an account in a calendar window. The window leads the key, so that those that matter lie
-- together and old ones go as a range.
CREATE TABLE IF NOT EXISTS quota_counters (
    window_start INTEGER NOT NULL,
    account      TEXT    NOT NULL,
    scope        TEXT    NOT NULL,
    used         INTEGER NOT NULL,
    PRIMARY KEY (window_start, account, scope)
) WITHOUT ROWID;

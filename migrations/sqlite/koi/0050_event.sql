-- +goose Up
-- How often each type of event happened on a business day.
CREATE TABLE IF NOT EXISTS event_days (
    day  INTEGER NOT NULL,
    type TEXT NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (day, type)
) WITHOUT ROWID;

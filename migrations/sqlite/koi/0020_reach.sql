-- +goose Up
-- What a person may still be sent by a template of an account, and how often they were today. Rows exist
-- for who answered a subscription and for templates with a daily cap.
CREATE TABLE IF NOT EXISTS reach_templates (
    contact_id  INTEGER NOT NULL,
    account     TEXT    NOT NULL,
    template    TEXT    NOT NULL,
    balance     INTEGER NOT NULL,
    long_term   INTEGER NOT NULL,
    rejected    INTEGER NOT NULL,
    answered_at INTEGER NOT NULL,
    day         INTEGER NOT NULL, -- that in_day counts
    in_day      INTEGER NOT NULL,
    PRIMARY KEY (contact_id, account, template)
) WITHOUT ROWID;

-- People whose phone number the carrier does not know.
CREATE TABLE IF NOT EXISTS reach_dead_numbers (
    contact_id INTEGER NOT NULL PRIMARY KEY,
    code       TEXT    NOT NULL,
    at         INTEGER NOT NULL
);

-- +goose Up
-- Questions about the past that live rules ask, and how far their counters are filled. A slot is never
-- given out twice; rows of questions nobody asks any more stay, with the time they were dropped.
CREATE TABLE IF NOT EXISTS rule_leaves (
    slot        INTEGER NOT NULL PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    spec        TEXT    NOT NULL, -- event type, conditions, window in days
    filled      INTEGER NOT NULL, -- contacts up to this id are counted
    upto        INTEGER NOT NULL, -- contacts above this id came later
    dropped_at  INTEGER NOT NULL  -- 0 while a live rule asks
);

-- All counters of a person, packed by slot.
CREATE TABLE IF NOT EXISTS rule_counters (
    contact_id INTEGER NOT NULL PRIMARY KEY,
    data       BLOB    NOT NULL
);

-- Events that satisfy a question's conditions on props, for the SQL form. contact_id is who the event
-- came by, as in events.
CREATE TABLE IF NOT EXISTS rule_hits (
    slot       INTEGER NOT NULL,
    event_id   INTEGER NOT NULL,
    contact_id INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (slot, event_id)
) WITHOUT ROWID;

-- +goose Up
-- One walk of one subject through one version of a journey. Rows of walks that are over stay: they are the
-- memory of who was where, and of how often one may enter.
CREATE TABLE IF NOT EXISTS journey_runs (
    id         INTEGER NOT NULL PRIMARY KEY, -- seq*1024 + n of the event that started it
    journey_id INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    subject    INTEGER NOT NULL, -- contact id, or the negative hash of a staff member
    contact_id INTEGER NOT NULL, -- whom it is about, 0 for nobody
    staff      TEXT    NOT NULL, -- corpid/userid of a staff run
    node       TEXT    NOT NULL,
    state      INTEGER NOT NULL, -- below 10: still inside
    memo       INTEGER NOT NULL, -- 1: needed to decide about the subject (inside, or its last time)
    entered_at INTEGER NOT NULL,
    arrived_at INTEGER NOT NULL, -- at node
    due_at     INTEGER NOT NULL, -- 0: no timer
    ended_at   INTEGER NOT NULL,
    steps      INTEGER NOT NULL,
    event_id   INTEGER NOT NULL, -- what started it
    reason     TEXT    NOT NULL,
    data       BLOB
);
CREATE INDEX IF NOT EXISTS journey_runs_subject_memo ON journey_runs (subject, memo);
CREATE INDEX IF NOT EXISTS journey_runs_journey_id_state ON journey_runs (journey_id, state);
CREATE INDEX IF NOT EXISTS journey_runs_due_at ON journey_runs (due_at);

-- How many came to each step and what became of them there; node '' is the journey as a whole.
CREATE TABLE IF NOT EXISTS journey_counters (
    journey_id INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    node       TEXT    NOT NULL,
    entered    INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    blocked    INTEGER NOT NULL,
    exited     INTEGER NOT NULL, -- left the journey here without finishing the step
    PRIMARY KEY (journey_id, rev, node)
) WITHOUT ROWID;

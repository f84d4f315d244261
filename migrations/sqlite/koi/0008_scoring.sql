-- +goose Up
-- What each person has in each score model: a stored value in the units of (half_life, base_day), see
-- app/scoring, and what caps and surges remember. A half_life of 0 does not decay.
CREATE TABLE IF NOT EXISTS contact_scores (
    contact_id INTEGER NOT NULL,
    model_id   INTEGER NOT NULL,
    value      INTEGER NOT NULL,
    half_life  INTEGER NOT NULL,
    base_day   INTEGER NOT NULL,
    rev        INTEGER NOT NULL, -- revision of the model that was last applied
    marks      BLOB    NOT NULL,
    PRIMARY KEY (contact_id, model_id)
) WITHOUT ROWID;

-- Every point and its reason. Rows rise with the event and there is no index by person: one costs 28
-- times the bytes written (6 KB a row instead of 0.2 at a million people), and whoever asks why a person
-- has a score wants the events too, so the timeline leads here.
CREATE TABLE IF NOT EXISTS score_ledger (
    lane       INTEGER NOT NULL,
    event_id   INTEGER NOT NULL,
    model_id   INTEGER NOT NULL,
    rule       INTEGER NOT NULL, -- hash of the rule's key
    rev        INTEGER NOT NULL, -- revision of the model: what the rule said then
    contact_id INTEGER NOT NULL, -- who the points went to when they were earned; merges don't move it
    at         INTEGER NOT NULL,
    points     INTEGER NOT NULL, -- 10⁻⁶ points really added, after caps, as of at
    PRIMARY KEY (lane, event_id, model_id, rule)
) WITHOUT ROWID;

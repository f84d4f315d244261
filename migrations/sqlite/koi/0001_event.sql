-- +goose Up
-- Who may process; see the log's table of the same name.
CREATE TABLE IF NOT EXISTS lease (
    name   TEXT    NOT NULL PRIMARY KEY,
    holder TEXT    NOT NULL,
    epoch  INTEGER NOT NULL,
    n      INTEGER NOT NULL
) WITHOUT ROWID;

-- How far each lane of the log is processed; moves in the transaction that carries the effects.
CREATE TABLE IF NOT EXISTS cursors (
    lane INTEGER NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL
);

-- Number blocks: people, identities, commit numbers, the highest seq a batch used.
CREATE TABLE IF NOT EXISTS sequences (
    name TEXT    NOT NULL PRIMARY KEY,
    next INTEGER NOT NULL
) WITHOUT ROWID;

-- Facts already processed, by the UTC day they happened; purged by day.
CREATE TABLE IF NOT EXISTS seen (
    day  INTEGER NOT NULL,
    hash BLOB    NOT NULL,
    PRIMARY KEY (day, hash)
) WITHOUT ROWID;

-- The timeline. contact_id is who the event came by; merges are read through contact_alias.
CREATE TABLE IF NOT EXISTS events (
    lane        INTEGER NOT NULL,
    id          INTEGER NOT NULL PRIMARY KEY,
    contact_id  INTEGER NOT NULL,
    identity_id INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    account     TEXT    NOT NULL,
    staff       TEXT    NOT NULL,
    object_type TEXT    NOT NULL,
    object_id   TEXT    NOT NULL,
    share       TEXT    NOT NULL,
    props       TEXT    NOT NULL
);
CREATE INDEX IF NOT EXISTS events_contact_at_id ON events (contact_id, at, id);

-- Events that no stage could take, with the reason, until someone retries or discards them.
CREATE TABLE IF NOT EXISTS dead_letters (
    id         INTEGER NOT NULL PRIMARY KEY, -- event id
    lane       INTEGER NOT NULL,
    type       TEXT    NOT NULL,
    stage      TEXT    NOT NULL,
    error      TEXT    NOT NULL,
    v          INTEGER NOT NULL,
    body       BLOB    NOT NULL,
    parked_at  INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    settled_at INTEGER NOT NULL -- 0 while it waits for someone
);

-- When this Koi was up: a row for each run, its end moved on while it runs. What lies between is a gap.
CREATE TABLE IF NOT EXISTS heartbeats (
    id         INTEGER NOT NULL PRIMARY KEY,
    node       TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    last_at    INTEGER NOT NULL
);

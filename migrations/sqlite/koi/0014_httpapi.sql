-- +goose Up
-- Answers to POSTs with an Idempotency-Key, so that a repeat gets the first one's.
CREATE TABLE IF NOT EXISTS replies (
    id         BLOB    NOT NULL PRIMARY KEY, -- hash of who asks and their key
    request    BLOB    NOT NULL,             -- hash of method, path and body
    status     INTEGER NOT NULL,             -- 0 while the first is being worked on
    header     TEXT    NOT NULL,             -- content type
    body       BLOB    NOT NULL,             -- sealed
    at         INTEGER NOT NULL,             -- wall time of the claim
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS replies_expires_at ON replies (expires_at);

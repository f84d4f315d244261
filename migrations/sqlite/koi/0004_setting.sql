-- +goose Up
-- Every version of every definition; the current one that is not deleted is in force.
CREATE TABLE IF NOT EXISTS settings (
    id         INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    skey       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    deleted    INTEGER NOT NULL,
    current    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    PRIMARY KEY (id, rev)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS settings_kind_skey ON settings (kind, skey);

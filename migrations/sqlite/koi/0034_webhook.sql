-- +goose Up
-- What deliveries to webhooks are signed with. The webhooks themselves are settings, whose old versions are
-- kept for ever; a secret must not be.
CREATE TABLE IF NOT EXISTS webhook_secrets (
    hook    TEXT    NOT NULL PRIMARY KEY, -- key of the setting
    sealed  BLOB    NOT NULL,
    made_at INTEGER NOT NULL, -- wall time, Unix ms
    made_by TEXT    NOT NULL
) WITHOUT ROWID;

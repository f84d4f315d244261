-- +goose Up
-- When the people an account's platform lists were last compared with those Koi knows, wall time.
CREATE TABLE IF NOT EXISTS reconciled (
    kind     TEXT    NOT NULL, -- of the identities on the list
    scope    TEXT    NOT NULL, -- AppID or CorpID
    tried_at INTEGER NOT NULL, -- began to read the list
    done_at  INTEGER NOT NULL, -- began a reading that came to its end; 0: none did yet
    PRIMARY KEY (kind, scope)
) WITHOUT ROWID;

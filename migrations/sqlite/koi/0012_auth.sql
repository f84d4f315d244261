-- +goose Up
-- Who may sign in. Nobody is deleted, since histories name them.
CREATE TABLE IF NOT EXISTS users (
    id           INTEGER NOT NULL PRIMARY KEY,
    login        TEXT    NOT NULL, -- normalised: NFKC, lower case
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    password     TEXT    NOT NULL, -- argon2id, with its parameters
    epoch        INTEGER NOT NULL, -- sessions of another epoch are over
    disabled     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL, -- wall time, like all times here
    updated_at   INTEGER NOT NULL,
    signed_in_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS users_login ON users (login);

CREATE TABLE IF NOT EXISTS sessions (
    token      TEXT    NOT NULL PRIMARY KEY, -- hash of the cookie's
    data       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_expires_at ON sessions (expires_at);

-- Keys of other programs.
CREATE TABLE IF NOT EXISTS api_keys (
    id         INTEGER NOT NULL PRIMARY KEY,
    prefix     TEXT    NOT NULL, -- the part of the secret that may be shown
    hash       BLOB    NOT NULL, -- sha256 of the whole secret
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL, -- '' where scopes say what the key may
    scopes     TEXT    NOT NULL, -- permissions, parted by blanks
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    used_at    INTEGER NOT NULL, -- to the hour
    revoked_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_prefix ON api_keys (prefix);

-- One-time tokens that make the first administrator.
CREATE TABLE IF NOT EXISTS setup_tokens (
    hash       BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

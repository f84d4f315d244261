-- +goose Up
-- Platform accounts added in the console; those of the configuration file are not stored.
CREATE TABLE IF NOT EXISTS accounts (
    kind       TEXT    NOT NULL, -- official, wecom
    id         TEXT    NOT NULL, -- AppID, or CorpID/AgentID
    sealed     BLOB    NOT NULL, -- everything else, secrets included
    rev        INTEGER NOT NULL, -- rises with each change, so that other nodes notice
    updated_at INTEGER NOT NULL, -- wall time, like all times here
    updated_by TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- Access tokens, shared by all nodes: one row for each secret. The row is also the lock for fetching.
CREATE TABLE IF NOT EXISTS tokens (
    id            BLOB    NOT NULL PRIMARY KEY, -- blind index of kind, app and secret
    account       TEXT    NOT NULL,
    purpose       TEXT    NOT NULL,
    sealed        BLOB    NOT NULL, -- the token; empty until the first fetch
    rev           INTEGER NOT NULL, -- rises with each change; a claim is won on it
    fresh_until   INTEGER NOT NULL, -- from here on it is renewed
    expires_at    INTEGER NOT NULL, -- from here on the platform refuses it
    fetched_at    INTEGER NOT NULL,
    forced_at     INTEGER NOT NULL, -- last renewal because the platform refused the token
    owner         TEXT    NOT NULL, -- who is fetching now, else empty
    owner_until   INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL, -- after a refusal: nobody asks again before
    checked_at    INTEGER NOT NULL, -- when the platform last answered
    code          INTEGER NOT NULL,
    reason        TEXT    NOT NULL, -- of a failure; empty while all is well
    passing       INTEGER NOT NULL, -- 1: the failure may pass by itself; 0: somebody has to correct something
    skew_ms       INTEGER NOT NULL  -- platform's clock minus ours at the last answer
) WITHOUT ROWID;

-- +goose Up
-- Messages. The id is event id · 1024 + n, so rows come in rising order and the messages of an event lie
-- together; lane does not lead the key, since a message belongs to its account, not to a lane, and there
-- is about one for twenty events. dedupe_key is sha256(event id, step, n): unique because one writer looks
-- it up beside the id before it inserts; an index of its own would be a random write for each message.
-- state: 1 waiting 2 sending 3 sent 4 delivered 5 failed 6 suppressed 7 unknown 8 expired
-- class: 1 reply 2 service 3 marketing 4 staff_alert
CREATE TABLE IF NOT EXISTS outbox (
    id          INTEGER NOT NULL PRIMARY KEY,
    dedupe_key  BLOB    NOT NULL,
    contact_id  INTEGER NOT NULL,
    channel     TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    recipient   TEXT    NOT NULL, -- OpenID, userid
    class       INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    n           INTEGER NOT NULL,
    journey_id  INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,
    test        INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    code        INTEGER NOT NULL,
    platform_id TEXT    NOT NULL,
    attempt     INTEGER NOT NULL, -- number of the last attempt; those before stand in outbox_attempts
    tries       INTEGER NOT NULL,
    first_at    INTEGER NOT NULL, -- wall time of the first attempt
    attempt_at  INTEGER NOT NULL, -- business time of the last
    process     INTEGER NOT NULL, -- run of the program that made the last
    due_at      INTEGER NOT NULL, -- as in outbox_due, 0 when no row is there
    counted     INTEGER NOT NULL,
    unsure      INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_contact_id_id ON outbox (contact_id, id);
CREATE INDEX IF NOT EXISTS outbox_state_id ON outbox (state, id);
CREATE INDEX IF NOT EXISTS outbox_journey_id_id ON outbox (journey_id, id);

-- What is sent, sealed. Apart from the row, which is rewritten with every change of state.
CREATE TABLE IF NOT EXISTS outbox_bodies (
    id   INTEGER NOT NULL PRIMARY KEY,
    body BLOB    NOT NULL
);

-- Attempts that were not the last word. A message that went at once has none here.
CREATE TABLE IF NOT EXISTS outbox_attempts (
    message_id INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    code       INTEGER NOT NULL,
    detail     TEXT    NOT NULL,
    PRIMARY KEY (message_id, number)
) WITHOUT ROWID;

-- Messages that a timer looks at again, by the queue they wait in. A message that went at once is never here.
CREATE TABLE IF NOT EXISTS outbox_due (
    id     INTEGER NOT NULL PRIMARY KEY,
    queue  TEXT    NOT NULL,
    due_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_due_queue_due_at_id ON outbox_due (queue, due_at, id);

-- APIs that are not asked until the platform's quota is back.
CREATE TABLE IF NOT EXISTS outbox_pauses (
    account TEXT    NOT NULL,
    api     TEXT    NOT NULL,
    until   INTEGER NOT NULL,
    code    INTEGER NOT NULL,
    detail  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, api)
) WITHOUT ROWID;

-- What an operator has to see to; cleared_at is 0 while it stands.
CREATE TABLE IF NOT EXISTS outbox_alarms (
    account    TEXT    NOT NULL,
    api        TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    code       INTEGER NOT NULL,
    detail     TEXT    NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    times      INTEGER NOT NULL,
    cleared_at INTEGER NOT NULL,
    PRIMARY KEY (account, api, kind)
) WITHOUT ROWID;

-- The platform's names of messages, for channels that send receipts; message_id is 0 when the receipt came first.
CREATE TABLE IF NOT EXISTS outbox_receipts (
    account     TEXT    NOT NULL,
    platform_id TEXT    NOT NULL,
    message_id  INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    code        INTEGER NOT NULL,
    detail      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (account, platform_id)
) WITHOUT ROWID;

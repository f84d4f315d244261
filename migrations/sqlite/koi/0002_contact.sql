-- +goose Up
-- People. merged_into is 0, or the person this one was merged into (see contact_alias).
CREATE TABLE IF NOT EXISTS contacts (
    id             INTEGER NOT NULL PRIMARY KEY,
    created_at     INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL,
    excluded       INTEGER NOT NULL, -- own staff, competitors, tests: not scored, no lead, no alert
    merged_into    INTEGER NOT NULL,
    rev            INTEGER NOT NULL  -- commit number of the batch that changed it last
);

-- Names people go by. k is the blind index of (kind, scope, value); value is sealed for phone and email.
-- contact_id never changes: a merge is read through contact_alias.
CREATE TABLE IF NOT EXISTS identities (
    id         INTEGER NOT NULL PRIMARY KEY,
    k          BLOB    NOT NULL,
    kind       TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    value      BLOB    NOT NULL,
    contact_id INTEGER NOT NULL,
    verified   INTEGER NOT NULL,
    last4      BLOB    NOT NULL, -- blind index of a phone's last four digits, else empty
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS identities_k ON identities (k);
CREATE INDEX IF NOT EXISTS identities_contact_id ON identities (contact_id);

-- Merges: kept_id is where old_id is read now, into_id where this merge put it (later merges move kept_id on).
CREATE TABLE IF NOT EXISTS contact_alias (
    old_id   INTEGER NOT NULL PRIMARY KEY,
    kept_id  INTEGER NOT NULL,
    into_id  INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    at       INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS contact_alias_kept_id ON contact_alias (kept_id);

-- Pairs that weak evidence says are one person; someone decides.
CREATE TABLE IF NOT EXISTS merge_proposals (
    low_id     INTEGER NOT NULL,
    high_id    INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    event_id   INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    PRIMARY KEY (low_id, high_id)
) WITHOUT ROWID;

-- Standard and custom fields, typed: num for numbers, dates, booleans; text and its normalised form else.
CREATE TABLE IF NOT EXISTS contact_values (
    contact_id INTEGER NOT NULL,
    field      TEXT    NOT NULL,
    num        INTEGER NOT NULL,
    text       TEXT    NOT NULL,
    norm       TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (contact_id, field)
) WITHOUT ROWID;

-- WeCom friendships with our staff.
CREATE TABLE IF NOT EXISTS contact_staff (
    contact_id INTEGER NOT NULL,
    corp_id    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    added_at   INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    removed_by TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    PRIMARY KEY (contact_id, corp_id, user_id)
) WITHOUT ROWID;

-- Official accounts a person follows or followed.
CREATE TABLE IF NOT EXISTS contact_follow (
    contact_id    INTEGER NOT NULL,
    app_id        TEXT    NOT NULL,
    followed_at   INTEGER NOT NULL,
    unfollowed_at INTEGER NOT NULL,
    PRIMARY KEY (contact_id, app_id)
) WITHOUT ROWID;

-- Identities whose profile the platform is still to be asked for.
CREATE TABLE IF NOT EXISTS profile_wants (
    identity_id INTEGER NOT NULL PRIMARY KEY,
    due_at      INTEGER NOT NULL,
    tries       INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS profile_wants_due_at ON profile_wants (due_at);

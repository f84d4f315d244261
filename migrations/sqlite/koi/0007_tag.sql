-- +goose Up
-- Tags on people. by_id is the tag rule or journey that gave it, 0 for none; expires_at is 0 for ever.
-- The second index serves "everyone with this tag": a row is written once per person and tag, not per
-- event, so its random insert is worth the daily lists and counts it saves from reading everything.
CREATE TABLE IF NOT EXISTS contact_tags (
    contact_id INTEGER NOT NULL,
    tag_id     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    by_id      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (contact_id, tag_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contact_tags_tag_id ON contact_tags (tag_id);

-- When tags end, for the timer: only tags that do expire have a row here, in the order they do.
CREATE TABLE IF NOT EXISTS tag_expiries (
    expires_at INTEGER NOT NULL,
    contact_id INTEGER NOT NULL,
    tag_id     INTEGER NOT NULL,
    PRIMARY KEY (expires_at, contact_id, tag_id)
) WITHOUT ROWID;

-- +goose Up
-- An employee's visitors, newest first.
CREATE INDEX IF NOT EXISTS share_opens_root_at ON share_opens (root, at);

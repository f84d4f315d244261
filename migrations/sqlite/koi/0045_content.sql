-- +goose Up
-- How often each page of ours was seen, and by whom.
CREATE TABLE IF NOT EXISTS page_counts (
    page     TEXT    NOT NULL PRIMARY KEY,
    views    INTEGER NOT NULL,
    visitors INTEGER NOT NULL,
    submits  INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS page_people (
    page       TEXT    NOT NULL,
    contact_id INTEGER NOT NULL,
    PRIMARY KEY (page, contact_id)
) WITHOUT ROWID;
-- Short addresses (/s/{code}) of share links.
CREATE TABLE IF NOT EXISTS short_links (
    code       TEXT    NOT NULL PRIMARY KEY,
    page       TEXT    NOT NULL,
    token      TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

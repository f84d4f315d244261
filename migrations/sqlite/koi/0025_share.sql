-- +goose Up
-- Whose share token of a page is whose: a row for each viewer of a page and each minted link, and the only
-- thing that makes a token known.
CREATE TABLE IF NOT EXISTS share_tokens (
    token      TEXT    NOT NULL PRIMARY KEY,
    page       TEXT    NOT NULL,
    staff      TEXT    NOT NULL, -- CorpID/userid, '' for a customer's
    contact_id INTEGER NOT NULL, -- who it was made for, 0: a staff member of whom no browser is known
    person_id  INTEGER NOT NULL, -- who that is now, after merges
    at         INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS share_tokens_person_id ON share_tokens (person_id);
CREATE INDEX IF NOT EXISTS share_tokens_at ON share_tokens (at);

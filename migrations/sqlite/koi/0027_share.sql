-- +goose Up
-- The beginnings of chains: links that were minted, and whoever turned out to stand first.
CREATE TABLE IF NOT EXISTS share_chains (
    page   TEXT    NOT NULL,
    top    TEXT    NOT NULL,
    id     INTEGER NOT NULL, -- id of the event that began it
    token  TEXT    NOT NULL,
    staff  TEXT    NOT NULL,
    minted INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (page, top)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS share_chains_id ON share_chains (id);
CREATE INDEX IF NOT EXISTS share_chains_staff_id ON share_chains (staff, id);

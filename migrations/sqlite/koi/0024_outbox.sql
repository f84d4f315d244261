-- +goose Up
-- Receipts that came before the result of the attempt they are about: few, and not for long.
CREATE TABLE IF NOT EXISTS outbox_early (
    account     TEXT    NOT NULL,
    platform_id TEXT    NOT NULL,
    state       INTEGER NOT NULL,
    code        INTEGER NOT NULL,
    detail      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (account, platform_id)
) WITHOUT ROWID;

-- Templates the platform refused (40037, 47003), as a definition's revision used them.
CREATE TABLE IF NOT EXISTS outbox_templates_off (
    account    TEXT    NOT NULL,
    api        TEXT    NOT NULL,
    template   TEXT    NOT NULL,
    definition TEXT    NOT NULL,
    code       INTEGER NOT NULL,
    detail     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (account, api, template, definition)
) WITHOUT ROWID;

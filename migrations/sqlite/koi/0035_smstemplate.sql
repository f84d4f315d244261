-- +goose Up
-- How Aliyun reviewed the SMS templates of each signature's account, as last seen.
CREATE TABLE IF NOT EXISTS sms_templates (
    account TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    content TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (account, code)
) WITHOUT ROWID;

-- When each account was last asked (tried_at), when it last answered (seen_at), and what went wrong since.
CREATE TABLE IF NOT EXISTS sms_template_reviews (
    account  TEXT    NOT NULL PRIMARY KEY,
    tried_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    problem  TEXT    NOT NULL
) WITHOUT ROWID;

-- +goose Up
-- Where each person stands. What led there is on the timeline as stage.entered.
CREATE TABLE IF NOT EXISTS contact_stages (
    contact_id INTEGER NOT NULL PRIMARY KEY,
    stage      TEXT    NOT NULL, -- '' before the first
    at         INTEGER NOT NULL,
    reached    TEXT    NOT NULL, -- the furthest stage so far: only beyond it a person moves by themself
    side       TEXT    NOT NULL, -- 沉默, 流失, 无效 beside the stage, '' for none
    side_at    INTEGER NOT NULL,
    side_by    TEXT    NOT NULL  -- 'rule' or 'manual'
);

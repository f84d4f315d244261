-- +goose Up
-- Staff and departments, mirrored from WeCom. Staff who left stay with active=0: history names them.
CREATE TABLE IF NOT EXISTS staff (
    corp_id    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    position   TEXT    NOT NULL,
    active     INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (corp_id, user_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS departments (
    corp_id   TEXT    NOT NULL,
    id        INTEGER NOT NULL,
    parent_id INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    PRIMARY KEY (corp_id, id)
) WITHOUT ROWID;

-- Who belongs where; leads marks the department's leader.
CREATE TABLE IF NOT EXISTS staff_departments (
    corp_id       TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    department_id INTEGER NOT NULL,
    leads         INTEGER NOT NULL,
    PRIMARY KEY (corp_id, user_id, department_id)
) WITHOUT ROWID;

-- direct_leader of the WeCom directory.
CREATE TABLE IF NOT EXISTS staff_leaders (
    corp_id   TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    leader_id TEXT NOT NULL,
    PRIMARY KEY (corp_id, user_id, leader_id)
) WITHOUT ROWID;

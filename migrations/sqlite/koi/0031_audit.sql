-- +goose Up
-- Who did what, and who looked at personal values.
CREATE TABLE IF NOT EXISTS audit_log (
    id      INTEGER NOT NULL PRIMARY KEY, -- wall time in ms · 2^20 + n, so that ids run with time
    at      INTEGER NOT NULL,             -- wall time
    who     TEXT    NOT NULL,             -- "user:anna", "key:订单系统", "cli:root"; '' for a stranger
    role    TEXT    NOT NULL,
    place   TEXT    NOT NULL,             -- address, or "cli"
    action  TEXT    NOT NULL,             -- operation id
    object  TEXT    NOT NULL,             -- "contacts/12"
    outcome TEXT    NOT NULL,             -- done denied failed
    status  INTEGER NOT NULL,             -- of the HTTP answer, 0 for a command
    request TEXT    NOT NULL,             -- id of the request
    detail  TEXT    NOT NULL              -- JSON object without personal values
);
CREATE INDEX IF NOT EXISTS audit_log_who ON audit_log (who, action, id);
CREATE INDEX IF NOT EXISTS audit_log_object ON audit_log (object, id);

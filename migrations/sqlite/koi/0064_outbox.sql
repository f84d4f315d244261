-- +goose Up
-- Whom a member of staff was alerted to, and when last. Asked by member; an index of the messages by
-- recipient would be a random write for each of them, and alerts are few.
CREATE TABLE IF NOT EXISTS staff_alerts (
    corp_id    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    contact_id INTEGER NOT NULL, -- as the message had it: also of people merged since
    at         INTEGER NOT NULL,
    PRIMARY KEY (corp_id, user_id, contact_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS staff_alerts_at ON staff_alerts (at);

-- Of the messages there are: what was taken (3) or arrived (4).
INSERT OR IGNORE INTO staff_alerts (corp_id, user_id, contact_id, at)
    SELECT substr(account, 1, instr(account, '/') - 1), recipient, contact_id, MAX(created_at) FROM outbox
    WHERE channel='wecom_app' AND state IN (3, 4) AND test=0 AND contact_id<>0 AND instr(account, '/')>1
    GROUP BY substr(account, 1, instr(account, '/') - 1), recipient, contact_id;

-- +goose Up
-- Whom a member of staff was alerted to, and when last.
CREATE TABLE IF NOT EXISTS staff_alerts (
    corp_id    VARCHAR(96) NOT NULL,
    user_id    VARCHAR(128) NOT NULL,
    contact_id BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (corp_id, user_id, contact_id),
    INDEX staff_alerts_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO staff_alerts (corp_id, user_id, contact_id, at)
    SELECT SUBSTRING_INDEX(account, '/', 1), recipient, contact_id, MAX(created_at) FROM outbox
    WHERE channel='wecom_app' AND state IN (3, 4) AND test=0 AND contact_id<>0 AND INSTR(account, '/')>1
    GROUP BY SUBSTRING_INDEX(account, '/', 1), recipient, contact_id;

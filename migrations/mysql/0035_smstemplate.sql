-- +goose Up
CREATE TABLE IF NOT EXISTS sms_templates (
    account VARCHAR(96) NOT NULL,
    code    VARCHAR(64) NOT NULL,
    name    VARCHAR(255) NOT NULL,
    kind    VARCHAR(16) NOT NULL,
    content VARCHAR(2000) NOT NULL,
    state   VARCHAR(16) NOT NULL,
    reason  VARCHAR(512) NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (account, code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sms_template_reviews (
    account  VARCHAR(96) NOT NULL PRIMARY KEY,
    tried_at BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL,
    problem  VARCHAR(512) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

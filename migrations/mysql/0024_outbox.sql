-- +goose Up
CREATE TABLE IF NOT EXISTS outbox_early (
    account     VARCHAR(96) NOT NULL,
    platform_id VARCHAR(128) NOT NULL,
    state       TINYINT NOT NULL,
    code        INT NOT NULL,
    detail      VARCHAR(512) NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (account, platform_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_templates_off (
    account    VARCHAR(96) NOT NULL,
    api        VARCHAR(32) NOT NULL,
    template   VARCHAR(64) NOT NULL,
    definition VARCHAR(112) NOT NULL,
    code       INT NOT NULL,
    detail     VARCHAR(512) NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (account, api, template, definition)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

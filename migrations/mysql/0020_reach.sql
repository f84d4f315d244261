-- +goose Up
CREATE TABLE IF NOT EXISTS reach_templates (
    contact_id  BIGINT NOT NULL,
    account     VARCHAR(96) NOT NULL,
    template    VARCHAR(64) NOT NULL,
    balance     INT NOT NULL,
    long_term   TINYINT NOT NULL,
    rejected    TINYINT NOT NULL,
    answered_at BIGINT NOT NULL,
    day         INT NOT NULL,
    in_day      INT NOT NULL,
    PRIMARY KEY (contact_id, account, template)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS reach_dead_numbers (
    contact_id BIGINT NOT NULL PRIMARY KEY,
    code       VARCHAR(64) NOT NULL,
    at         BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Up
CREATE TABLE IF NOT EXISTS accounts (
    kind       VARCHAR(16) NOT NULL,
    id         VARCHAR(96) NOT NULL,
    sealed     BLOB NOT NULL,
    rev        BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by VARCHAR(96) NOT NULL,
    PRIMARY KEY (kind, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tokens (
    id            BINARY(16) NOT NULL PRIMARY KEY,
    account       VARCHAR(96) NOT NULL,
    purpose       VARCHAR(16) NOT NULL,
    sealed        BLOB NOT NULL,
    rev           BIGINT NOT NULL,
    fresh_until   BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    fetched_at    BIGINT NOT NULL,
    forced_at     BIGINT NOT NULL,
    owner         VARCHAR(64) NOT NULL,
    owner_until   BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    checked_at    BIGINT NOT NULL,
    code          INT NOT NULL,
    reason        VARCHAR(512) NOT NULL,
    passing       TINYINT NOT NULL,
    skew_ms       BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

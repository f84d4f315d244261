-- +goose Up
CREATE TABLE IF NOT EXISTS users (
    id           BIGINT NOT NULL PRIMARY KEY,
    login        VARCHAR(64) NOT NULL,
    name         VARCHAR(64) NOT NULL,
    role         VARCHAR(16) NOT NULL,
    password     VARCHAR(160) NOT NULL,
    epoch        BIGINT NOT NULL,
    disabled     TINYINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL,
    UNIQUE INDEX users_login (login)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
    token      VARCHAR(64) NOT NULL PRIMARY KEY,
    data       BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    INDEX sessions_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS api_keys (
    id         BIGINT NOT NULL PRIMARY KEY,
    prefix     VARCHAR(16) NOT NULL,
    hash       BINARY(32) NOT NULL,
    name       VARCHAR(64) NOT NULL,
    role       VARCHAR(16) NOT NULL,
    scopes     VARCHAR(1024) NOT NULL,
    created_at BIGINT NOT NULL,
    created_by VARCHAR(96) NOT NULL,
    used_at    BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL,
    UNIQUE INDEX api_keys_prefix (prefix)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS setup_tokens (
    hash       BINARY(32) NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

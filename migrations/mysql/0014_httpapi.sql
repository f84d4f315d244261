-- +goose Up
CREATE TABLE IF NOT EXISTS replies (
    id         BINARY(32) NOT NULL PRIMARY KEY,
    request    BINARY(32) NOT NULL,
    status     INT NOT NULL,
    header     VARCHAR(128) NOT NULL,
    body       MEDIUMBLOB NOT NULL,
    at         BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    INDEX replies_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

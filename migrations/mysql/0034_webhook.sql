-- +goose Up
CREATE TABLE IF NOT EXISTS webhook_secrets (
    hook    VARCHAR(96) NOT NULL PRIMARY KEY,
    sealed  BLOB NOT NULL,
    made_at BIGINT NOT NULL,
    made_by VARCHAR(96) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Up
CREATE TABLE IF NOT EXISTS reconciled (
    kind     VARCHAR(32)  NOT NULL,
    scope    VARCHAR(96) NOT NULL,
    tried_at BIGINT NOT NULL,
    done_at  BIGINT NOT NULL,
    PRIMARY KEY (kind, scope)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

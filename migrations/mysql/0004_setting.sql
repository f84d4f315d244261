-- +goose Up
CREATE TABLE IF NOT EXISTS settings (
    id         BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    kind       VARCHAR(32) NOT NULL,
    skey       VARCHAR(96) NOT NULL,
    body       MEDIUMTEXT NOT NULL,
    deleted    TINYINT NOT NULL,
    current    TINYINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by VARCHAR(96) NOT NULL,
    PRIMARY KEY (id, rev),
    INDEX settings_kind_skey (kind, skey)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

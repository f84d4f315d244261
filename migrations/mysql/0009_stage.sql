-- +goose Up
CREATE TABLE IF NOT EXISTS contact_stages (
    contact_id BIGINT NOT NULL PRIMARY KEY,
    stage      VARCHAR(96) NOT NULL,
    at         BIGINT NOT NULL,
    reached    VARCHAR(96) NOT NULL,
    side       VARCHAR(96) NOT NULL,
    side_at    BIGINT NOT NULL,
    side_by    VARCHAR(16) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

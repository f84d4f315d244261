-- +goose Up
CREATE TABLE IF NOT EXISTS contact_consents (
    contact_id BIGINT NOT NULL,
    event_id   BIGINT NOT NULL,
    about      VARCHAR(32) NOT NULL,
    granted    TINYINT NOT NULL,
    version    VARCHAR(64) NOT NULL,
    source     VARCHAR(64) NOT NULL,
    ip         VARCHAR(64) NOT NULL,
    said_by    VARCHAR(96) NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (contact_id, event_id, about)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

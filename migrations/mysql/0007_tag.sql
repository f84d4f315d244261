-- +goose Up
CREATE TABLE IF NOT EXISTS contact_tags (
    contact_id BIGINT NOT NULL,
    tag_id     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    source     VARCHAR(16) NOT NULL,
    by_id      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (contact_id, tag_id),
    INDEX contact_tags_tag_id (tag_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tag_expiries (
    expires_at BIGINT NOT NULL,
    contact_id BIGINT NOT NULL,
    tag_id     BIGINT NOT NULL,
    PRIMARY KEY (expires_at, contact_id, tag_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

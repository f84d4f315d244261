-- +goose Up
CREATE TABLE IF NOT EXISTS page_counts (
    page     VARCHAR(128) NOT NULL,
    views    BIGINT NOT NULL,
    visitors BIGINT NOT NULL,
    submits  BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (page)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS page_people (
    page       VARCHAR(128) NOT NULL,
    contact_id BIGINT NOT NULL,
    PRIMARY KEY (page, contact_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS short_links (
    code       VARCHAR(32)  NOT NULL,
    page       VARCHAR(128) NOT NULL,
    token      VARCHAR(64)  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

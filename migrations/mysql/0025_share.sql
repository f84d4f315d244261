-- +goose Up
CREATE TABLE IF NOT EXISTS share_tokens (
    token      VARCHAR(64)  NOT NULL,
    page       VARCHAR(128) NOT NULL,
    staff      VARCHAR(192) NOT NULL,
    contact_id BIGINT NOT NULL,
    person_id  BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (token),
    KEY share_tokens_person_id (person_id),
    KEY share_tokens_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

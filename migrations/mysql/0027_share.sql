-- +goose Up
CREATE TABLE IF NOT EXISTS share_chains (
    page   VARCHAR(128) NOT NULL,
    top    VARCHAR(200) NOT NULL,
    id     BIGINT NOT NULL,
    token  VARCHAR(64)  NOT NULL,
    staff  VARCHAR(192) NOT NULL,
    minted TINYINT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (page, top),
    KEY share_chains_id (id),
    KEY share_chains_staff_id (staff, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

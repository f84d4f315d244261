-- +goose Up
CREATE TABLE IF NOT EXISTS staff (
    corp_id    VARCHAR(96) NOT NULL,
    user_id    VARCHAR(96) NOT NULL,
    name       VARCHAR(128) NOT NULL,
    position   VARCHAR(128) NOT NULL,
    active     TINYINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (corp_id, user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS departments (
    corp_id   VARCHAR(96) NOT NULL,
    id        BIGINT NOT NULL,
    parent_id BIGINT NOT NULL,
    name      VARCHAR(255) NOT NULL,
    PRIMARY KEY (corp_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS staff_departments (
    corp_id       VARCHAR(96) NOT NULL,
    user_id       VARCHAR(96) NOT NULL,
    department_id BIGINT NOT NULL,
    leads         TINYINT NOT NULL,
    PRIMARY KEY (corp_id, user_id, department_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS staff_leaders (
    corp_id   VARCHAR(96) NOT NULL,
    user_id   VARCHAR(96) NOT NULL,
    leader_id VARCHAR(96) NOT NULL,
    PRIMARY KEY (corp_id, user_id, leader_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Up
CREATE TABLE IF NOT EXISTS event_days (
    day  INT NOT NULL,
    type VARCHAR(64) NOT NULL,
    n    BIGINT NOT NULL,
    PRIMARY KEY (day, type)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Up
CREATE TABLE IF NOT EXISTS rule_leaves (
    slot BIGINT NOT NULL PRIMARY KEY,
    fingerprint BIGINT NOT NULL,
    spec TEXT NOT NULL,
    filled BIGINT NOT NULL,
    upto BIGINT NOT NULL,
    dropped_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS rule_counters (
    contact_id BIGINT NOT NULL PRIMARY KEY,
    data MEDIUMBLOB NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS rule_hits (
    slot BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    contact_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (slot, event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Up
CREATE TABLE IF NOT EXISTS log (
    lane TINYINT NOT NULL,
    seq  BIGINT NOT NULL,
    v    INT NOT NULL,
    at   BIGINT NOT NULL,
    body MEDIUMBLOB NOT NULL,
    PRIMARY KEY (lane, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS lease (
    name   VARCHAR(64) NOT NULL PRIMARY KEY,
    holder VARCHAR(64) NOT NULL,
    epoch  BIGINT NOT NULL,
    n      BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS cursors (
    lane TINYINT NOT NULL PRIMARY KEY,
    seq  BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sequences (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS seen (
    day  INT NOT NULL,
    hash BINARY(16) NOT NULL,
    PRIMARY KEY (day, hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS events (
    lane        TINYINT NOT NULL,
    id          BIGINT NOT NULL,
    contact_id  BIGINT NOT NULL,
    identity_id BIGINT NOT NULL,
    type        VARCHAR(64) NOT NULL,
    at          BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    account     VARCHAR(96) NOT NULL,
    staff       VARCHAR(96) NOT NULL,
    object_type VARCHAR(32) NOT NULL,
    object_id   VARCHAR(128) NOT NULL,
    share       VARCHAR(64) NOT NULL,
    props       MEDIUMTEXT NOT NULL,
    PRIMARY KEY (lane, id),
    INDEX events_contact_at_id (contact_id, at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS dead_letters (
    id         BIGINT NOT NULL PRIMARY KEY,
    lane       TINYINT NOT NULL,
    type       VARCHAR(64) NOT NULL,
    stage      VARCHAR(64) NOT NULL,
    error      TEXT NOT NULL,
    v          INT NOT NULL,
    body       MEDIUMBLOB NOT NULL,
    parked_at  BIGINT NOT NULL,
    tries      INT NOT NULL,
    settled_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS heartbeats (
    id         BIGINT NOT NULL PRIMARY KEY,
    node       VARCHAR(64) NOT NULL,
    started_at BIGINT NOT NULL,
    last_at    BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

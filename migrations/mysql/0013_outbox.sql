-- +goose Up
CREATE TABLE IF NOT EXISTS outbox (
    id          BIGINT NOT NULL PRIMARY KEY,
    dedupe_key  BINARY(16) NOT NULL,
    contact_id  BIGINT NOT NULL,
    channel     VARCHAR(32) NOT NULL,
    account     VARCHAR(96) NOT NULL,
    recipient   VARCHAR(128) NOT NULL,
    class       TINYINT NOT NULL,
    kind        VARCHAR(32) NOT NULL,
    step        VARCHAR(96) NOT NULL,
    n           INT NOT NULL,
    journey_id  BIGINT NOT NULL,
    run_id      BIGINT NOT NULL,
    test        TINYINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    state       TINYINT NOT NULL,
    reason      VARCHAR(32) NOT NULL,
    detail      VARCHAR(512) NOT NULL,
    code        INT NOT NULL,
    platform_id VARCHAR(128) NOT NULL,
    attempt     INT NOT NULL,
    tries       INT NOT NULL,
    first_at    BIGINT NOT NULL,
    attempt_at  BIGINT NOT NULL,
    process     BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    counted     TINYINT NOT NULL,
    unsure      TINYINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    INDEX outbox_contact_id_id (contact_id, id),
    INDEX outbox_state_id (state, id),
    INDEX outbox_journey_id_id (journey_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_bodies (
    id   BIGINT NOT NULL PRIMARY KEY,
    body MEDIUMBLOB NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_attempts (
    message_id BIGINT NOT NULL,
    number     INT NOT NULL,
    at         BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    status     VARCHAR(32) NOT NULL,
    code       INT NOT NULL,
    detail     VARCHAR(512) NOT NULL,
    PRIMARY KEY (message_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_due (
    id     BIGINT NOT NULL PRIMARY KEY,
    queue  VARCHAR(160) NOT NULL,
    due_at BIGINT NOT NULL,
    INDEX outbox_due_queue_due_at_id (queue, due_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_pauses (
    account VARCHAR(96) NOT NULL,
    api     VARCHAR(32) NOT NULL,
    until   BIGINT NOT NULL,
    code    INT NOT NULL,
    detail  VARCHAR(512) NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (account, api)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_alarms (
    account    VARCHAR(96) NOT NULL,
    api        VARCHAR(32) NOT NULL,
    kind       VARCHAR(32) NOT NULL,
    code       INT NOT NULL,
    detail     VARCHAR(512) NOT NULL,
    first_at   BIGINT NOT NULL,
    last_at    BIGINT NOT NULL,
    times      INT NOT NULL,
    cleared_at BIGINT NOT NULL,
    PRIMARY KEY (account, api, kind)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_receipts (
    account     VARCHAR(96) NOT NULL,
    platform_id VARCHAR(128) NOT NULL,
    message_id  BIGINT NOT NULL,
    state       TINYINT NOT NULL,
    code        INT NOT NULL,
    detail      VARCHAR(512) NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (account, platform_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

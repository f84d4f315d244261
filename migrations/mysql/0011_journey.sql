-- +goose Up
CREATE TABLE IF NOT EXISTS journey_runs (
    id         BIGINT NOT NULL PRIMARY KEY,
    journey_id BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    subject    BIGINT NOT NULL,
    contact_id BIGINT NOT NULL,
    staff      VARCHAR(160) NOT NULL,
    node       VARCHAR(40) NOT NULL,
    state      TINYINT NOT NULL,
    memo       TINYINT NOT NULL,
    entered_at BIGINT NOT NULL,
    arrived_at BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    steps      INT NOT NULL,
    event_id   BIGINT NOT NULL,
    reason     VARCHAR(500) NOT NULL,
    data       BLOB,
    INDEX journey_runs_subject_memo (subject, memo),
    INDEX journey_runs_journey_id_state (journey_id, state),
    INDEX journey_runs_due_at (due_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS journey_counters (
    journey_id BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    node       VARCHAR(40) NOT NULL,
    entered    BIGINT NOT NULL,
    done       BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    blocked    BIGINT NOT NULL,
    exited     BIGINT NOT NULL,
    PRIMARY KEY (journey_id, rev, node)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

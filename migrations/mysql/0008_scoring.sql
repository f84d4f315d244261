-- +goose Up
CREATE TABLE IF NOT EXISTS contact_scores (
    contact_id BIGINT NOT NULL,
    model_id   BIGINT NOT NULL,
    value      BIGINT NOT NULL,
    half_life  INT NOT NULL,
    base_day   INT NOT NULL,
    rev        BIGINT NOT NULL,
    marks      VARBINARY(8000) NOT NULL,
    PRIMARY KEY (contact_id, model_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS score_ledger (
    lane       TINYINT NOT NULL,
    event_id   BIGINT NOT NULL,
    model_id   BIGINT NOT NULL,
    rule       BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    contact_id BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    points     BIGINT NOT NULL,
    PRIMARY KEY (lane, event_id, model_id, rule)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

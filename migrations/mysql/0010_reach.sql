-- +goose Up
CREATE TABLE IF NOT EXISTS reach_windows (
    contact_id    BIGINT NOT NULL,
    app_id        VARCHAR(96) NOT NULL,
    message_until BIGINT NOT NULL,
    message_left  SMALLINT NOT NULL,
    action_until  BIGINT NOT NULL,
    action_left   SMALLINT NOT NULL,
    closed_by     TINYINT NOT NULL,
    closed_at     BIGINT NOT NULL,
    PRIMARY KEY (contact_id, app_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS reach_touches (
    contact_id BIGINT NOT NULL PRIMARY KEY,
    day        INT NOT NULL,
    in_day     INT NOT NULL,
    week       INT NOT NULL,
    in_week    INT NOT NULL,
    month      INT NOT NULL,
    in_month   INT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS quota_counters (
    window_start BIGINT NOT NULL,
    account      VARCHAR(96) NOT NULL,
    scope        VARCHAR(96) NOT NULL,
    used         INT NOT NULL,
    PRIMARY KEY (window_start, account, scope)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

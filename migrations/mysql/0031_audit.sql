-- +goose Up
CREATE TABLE IF NOT EXISTS audit_log (
    id      BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     VARCHAR(96)  NOT NULL,
    role    VARCHAR(16)  NOT NULL,
    place   VARCHAR(64)  NOT NULL,
    action  VARCHAR(64)  NOT NULL,
    object  VARCHAR(255) NOT NULL,
    outcome VARCHAR(16)  NOT NULL,
    status  INT NOT NULL,
    request VARCHAR(32)  NOT NULL,
    detail  VARCHAR(2048) NOT NULL,
    INDEX audit_log_who (who, action, id),
    INDEX audit_log_object (object, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

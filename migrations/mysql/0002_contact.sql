-- +goose Up
CREATE TABLE IF NOT EXISTS contacts (
    id BIGINT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL,
    excluded TINYINT NOT NULL,
    merged_into BIGINT NOT NULL,
    rev BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS identities (
    id BIGINT NOT NULL PRIMARY KEY,
    k BINARY(16) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    scope VARCHAR(96) NOT NULL,
    value VARBINARY(512) NOT NULL,
    contact_id BIGINT NOT NULL,
    verified TINYINT NOT NULL,
    last4 VARBINARY(16) NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE INDEX identities_k (k),
    INDEX identities_contact_id (contact_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS contact_alias (
    old_id BIGINT NOT NULL PRIMARY KEY,
    kept_id BIGINT NOT NULL,
    into_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    INDEX contact_alias_kept_id (kept_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS merge_proposals (
    low_id BIGINT NOT NULL,
    high_id BIGINT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    event_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    settled_at BIGINT NOT NULL,
    PRIMARY KEY (low_id, high_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS contact_values (
    contact_id BIGINT NOT NULL,
    field VARCHAR(64) NOT NULL,
    num BIGINT NOT NULL,
    text VARCHAR(1024) NOT NULL,
    norm VARCHAR(1024) NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (contact_id, field)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS contact_staff (
    contact_id BIGINT NOT NULL,
    corp_id VARCHAR(96) NOT NULL,
    user_id VARCHAR(96) NOT NULL,
    added_at BIGINT NOT NULL,
    removed_at BIGINT NOT NULL,
    removed_by VARCHAR(16) NOT NULL,
    state VARCHAR(128) NOT NULL,
    PRIMARY KEY (contact_id, corp_id, user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS contact_follow (
    contact_id BIGINT NOT NULL,
    app_id VARCHAR(96) NOT NULL,
    followed_at BIGINT NOT NULL,
    unfollowed_at BIGINT NOT NULL,
    PRIMARY KEY (contact_id, app_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS profile_wants (
    identity_id BIGINT NOT NULL PRIMARY KEY,
    due_at BIGINT NOT NULL,
    tries INT NOT NULL,
    INDEX profile_wants_due_at (due_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

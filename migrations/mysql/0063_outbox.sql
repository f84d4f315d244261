-- +goose Up
-- An alert that goes within a digest: the id of that message, whose fate is its own; 0: it goes by itself.
ALTER TABLE outbox ADD COLUMN digest_id BIGINT NOT NULL DEFAULT 0;

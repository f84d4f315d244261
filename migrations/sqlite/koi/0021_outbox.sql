-- +goose Up
-- The platform's template, and what Koi made the message from.
ALTER TABLE outbox ADD COLUMN template TEXT NOT NULL DEFAULT '';

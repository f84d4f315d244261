-- +goose Up
ALTER TABLE outbox ADD COLUMN definition TEXT NOT NULL DEFAULT '';

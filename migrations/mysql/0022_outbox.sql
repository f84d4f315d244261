-- +goose Up
ALTER TABLE outbox ADD COLUMN definition VARCHAR(112) NOT NULL DEFAULT '';

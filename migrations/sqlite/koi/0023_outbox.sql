-- +goose Up
-- 0 unknown 1 low 2 medium 3 high
ALTER TABLE outbox ADD COLUMN risk INTEGER NOT NULL DEFAULT 0;

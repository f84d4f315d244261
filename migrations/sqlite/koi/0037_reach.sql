-- +goose Up
-- One-time 订阅通知 asked for at the same place don't add up: which places are answered with yes, and which ever were.
ALTER TABLE reach_templates ADD COLUMN scenes INTEGER NOT NULL DEFAULT 0;

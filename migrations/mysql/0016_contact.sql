-- +goose Up
ALTER TABLE contacts ADD COLUMN consent_mask BIGINT NOT NULL DEFAULT 0;

-- +goose Up
ALTER TABLE contacts ADD COLUMN consents VARCHAR(255) NOT NULL DEFAULT '';

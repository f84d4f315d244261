-- +goose Up
-- As of users: for keys of the roles that see some customers only.
ALTER TABLE api_keys ADD COLUMN staff TEXT NOT NULL DEFAULT '';

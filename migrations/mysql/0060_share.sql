-- +goose Up
ALTER TABLE share_opens ADD INDEX share_opens_root_at (root, at);

-- +goose Up
ALTER TABLE contact_stages ADD INDEX contact_stages_stage_at (stage, at);

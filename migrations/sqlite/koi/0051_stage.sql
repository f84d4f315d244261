-- +goose Up
-- Who came to a stage last, and how many stand in it.
CREATE INDEX IF NOT EXISTS contact_stages_stage_at ON contact_stages (stage, at);

-- +goose Up
-- Who has many points: a filter on a score would walk through everybody when few have them.
CREATE INDEX IF NOT EXISTS contact_scores_model_id_value ON contact_scores (model_id, value);

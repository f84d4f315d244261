-- +goose Up
ALTER TABLE contact_scores ADD INDEX contact_scores_model_id_value (model_id, value);

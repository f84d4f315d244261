-- +goose Up
-- "CorpID/userid" of the staff member a user is, '' for none: whose customers sales and leaders see.
ALTER TABLE users ADD COLUMN staff TEXT NOT NULL DEFAULT '';

-- +goose Up
-- The same with the times, so that it is read with the person and needs no query of its own. What was said
-- in which words stands in contact_consents.
ALTER TABLE contacts ADD COLUMN consents TEXT NOT NULL DEFAULT '';

-- +goose Up
-- What a person agreed to and refused, as bits for conditions (contact.Consents.Mask).
ALTER TABLE contacts ADD COLUMN consent_mask INTEGER NOT NULL DEFAULT 0;

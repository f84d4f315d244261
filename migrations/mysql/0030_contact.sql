-- +goose Up
ALTER TABLE contact_staff ADD INDEX contact_staff_user_id (user_id, contact_id);

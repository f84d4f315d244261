-- +goose Up
CREATE INDEX contact_staff_user_id ON contact_staff (user_id, contact_id);

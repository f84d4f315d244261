-- +goose Up
-- Whose customers: the data scope of sales and leaders, and the list filtered by staff.
CREATE INDEX IF NOT EXISTS contact_staff_user_id ON contact_staff (user_id, contact_id);

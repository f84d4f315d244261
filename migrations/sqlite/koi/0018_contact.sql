-- +goose Up
-- Every statement of a person about a purpose or a channel ("channel/sms"); never changed. A person has few.
CREATE TABLE IF NOT EXISTS contact_consents (
    contact_id INTEGER NOT NULL, -- as it was then: merged people are read through contact_alias
    event_id   INTEGER NOT NULL,
    about      TEXT    NOT NULL,
    granted    INTEGER NOT NULL,
    version    TEXT    NOT NULL, -- of the text that was shown
    source     TEXT    NOT NULL,
    ip         TEXT    NOT NULL,
    said_by    TEXT    NOT NULL, -- who entered it, where it was not the person
    at         INTEGER NOT NULL,
    PRIMARY KEY (contact_id, event_id, about)
) WITHOUT ROWID;

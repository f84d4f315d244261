-- +goose Up
-- Who came to a page through whose token: a row for each person, page and token, and what was concluded of
-- it last.
CREATE TABLE IF NOT EXISTS share_opens (
    id         INTEGER NOT NULL PRIMARY KEY, -- id of the event
    page       TEXT    NOT NULL,
    parent     TEXT    NOT NULL, -- token they came through
    own        TEXT    NOT NULL, -- their own token of the page
    contact_id INTEGER NOT NULL, -- who came
    person_id  INTEGER NOT NULL, -- who that is now, after merges
    at         INTEGER NOT NULL, -- first arrival
    net        TEXT    NOT NULL, -- keyed hash of address and kind of browser
    bot        INTEGER NOT NULL,
    newcomer   INTEGER NOT NULL, -- nobody knew the person before
    mark       TEXT    NOT NULL, -- why it does not count, '' when it does
    top        TEXT    NOT NULL, -- who stands first in the chain
    root       TEXT    NOT NULL, -- CorpID/userid where that is a staff member
    depth      INTEGER NOT NULL, -- hops from there
    state      INTEGER NOT NULL, -- 0 fresh, 1 waiting for its parent, 2 pending, 3 settled, 4 not counted, 5 reversed
    reason     TEXT    NOT NULL, -- of a reversal
    told       INTEGER NOT NULL, -- share_opened was told
    settle_at  INTEGER NOT NULL,
    due_at     INTEGER NOT NULL  -- judged next; 0: only when something happens
);
CREATE INDEX IF NOT EXISTS share_opens_person_id_page ON share_opens (person_id, page);
CREATE INDEX IF NOT EXISTS share_opens_parent_at ON share_opens (parent, at);
CREATE INDEX IF NOT EXISTS share_opens_page_top ON share_opens (page, top);
CREATE INDEX IF NOT EXISTS share_opens_due_at ON share_opens (due_at);

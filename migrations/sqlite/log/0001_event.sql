-- +goose Up
-- The log: append-only, ordered by lane and seq, no further index: a random one costs 3–5 times the whole insert.
CREATE TABLE IF NOT EXISTS log (
    lane INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    v    INTEGER NOT NULL, -- payload version
    at   INTEGER NOT NULL, -- wall time of the append
    body BLOB    NOT NULL, -- sealed payload
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;

-- Who may append. The last statement before COMMIT raises n where the epoch still is the holder's.
CREATE TABLE IF NOT EXISTS lease (
    name   TEXT    NOT NULL PRIMARY KEY,
    holder TEXT    NOT NULL,
    epoch  INTEGER NOT NULL,
    n      INTEGER NOT NULL
) WITHOUT ROWID;

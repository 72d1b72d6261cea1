-- The memory of profiles. Each profile has its words in a table of its own (`words_<profile.number>`, made with its first
-- note), so that not even the rarity of a word tells one profile what another one knows.
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profile (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    given  INTEGER NOT NULL DEFAULT 0      -- notes ever numbered; a number is never used again
) STRICT;
CREATE TABLE IF NOT EXISTS note (
    profile  INTEGER NOT NULL REFERENCES profile (number),
    number   INTEGER NOT NULL,
    key      TEXT,                         -- the caller's own name for it, or null
    text     TEXT NOT NULL,
    metadata TEXT NOT NULL,                -- JSON
    vector   BLOB NOT NULL,                -- 32-bit floats, little-endian
    PRIMARY KEY (profile, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS note_key ON note (profile, key) WHERE key IS NOT NULL;

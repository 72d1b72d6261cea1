-- The index of a folder of documents, version 1. It is made from the files and may be deleted at any time.

-- name: files (head: what a document says of itself, JSON; why: the reason it was not read, '' when it was)
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY, changed INTEGER NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL, head TEXT NOT NULL,
  why TEXT NOT NULL, mend TEXT NOT NULL) WITHOUT ROWID;

-- name: passages (of the documents, in their own order)
CREATE VIRTUAL TABLE IF NOT EXISTS passages USING fts5 (
  path UNINDEXED, title, heading, text, line UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2');

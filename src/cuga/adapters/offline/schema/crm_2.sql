-- name: from version 1 to 2 (contacts say on what ground they may be written to; nobody had said it before)
CREATE TABLE contacts_2 (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, account TEXT NOT NULL, account_id TEXT NOT NULL, title TEXT NOT NULL,
  email TEXT NOT NULL, phone TEXT NOT NULL, linkedin TEXT NOT NULL, unsubscribed INTEGER NOT NULL, notes TEXT NOT NULL,
  opted_in TEXT NOT NULL, lawful_basis TEXT NOT NULL, consent_on TEXT, consent_source TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO contacts_2
  SELECT id, name, account, account_id, title, email, phone, linkedin, unsubscribed, notes, '', '', NULL, '',
         raw, file, line, version FROM contacts;
DROP TABLE contacts;
ALTER TABLE contacts_2 RENAME TO contacts;
CREATE INDEX contacts_of ON contacts (account_id);

-- The offline CRM store, version 2; `crm_2.sql` brings a file of version 1 here. Every table carries its row's source and the row's own text (raw, JSON).
-- Money is in micro-units, dates are YYYY-MM-DD, an unknown number is NULL, an unknown text is ''.

-- name: accounts
CREATE TABLE IF NOT EXISTS accounts (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, industry TEXT NOT NULL, country TEXT NOT NULL, city TEXT NOT NULL,
  employees INTEGER, revenue INTEGER, currency TEXT NOT NULL, founded INTEGER, parent TEXT NOT NULL,
  parent_id TEXT NOT NULL, website TEXT NOT NULL, owner TEXT NOT NULL, notes TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;

-- name: contacts
CREATE TABLE IF NOT EXISTS contacts (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, account TEXT NOT NULL, account_id TEXT NOT NULL, title TEXT NOT NULL,
  email TEXT NOT NULL, phone TEXT NOT NULL, linkedin TEXT NOT NULL, unsubscribed INTEGER NOT NULL, notes TEXT NOT NULL,
  opted_in TEXT NOT NULL, lawful_basis TEXT NOT NULL, consent_on TEXT, consent_source TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contacts_of ON contacts (account_id);

-- name: products
CREATE TABLE IF NOT EXISTS products (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, series TEXT NOT NULL, price INTEGER, currency TEXT NOT NULL,
  description TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;

-- name: opportunities
CREATE TABLE IF NOT EXISTS opportunities (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, account TEXT NOT NULL, account_id TEXT NOT NULL, product TEXT NOT NULL,
  product_id TEXT NOT NULL, owner TEXT NOT NULL, stage TEXT NOT NULL, status TEXT NOT NULL, amount INTEGER,
  currency TEXT NOT NULL, opened TEXT, closes TEXT, next_step TEXT NOT NULL, notes TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS opportunities_of ON opportunities (account_id, status);

-- name: activities
CREATE TABLE IF NOT EXISTS activities (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, happened TEXT, who TEXT NOT NULL, account TEXT NOT NULL,
  account_id TEXT NOT NULL, opportunity_id TEXT NOT NULL, contact_id TEXT NOT NULL, text TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS activities_of ON activities (opportunity_id);
CREATE INDEX IF NOT EXISTS activities_at ON activities (account_id);

-- name: teams
CREATE TABLE IF NOT EXISTS teams (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, manager TEXT NOT NULL, region TEXT NOT NULL, email TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;

-- name: notes
CREATE TABLE IF NOT EXISTS notes (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, written TEXT, who TEXT NOT NULL, account TEXT NOT NULL,
  account_id TEXT NOT NULL, opportunity_id TEXT NOT NULL, contact_id TEXT NOT NULL, text TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS notes_of ON notes (opportunity_id);
CREATE INDEX IF NOT EXISTS notes_at ON notes (account_id);

-- name: documents
CREATE TABLE IF NOT EXISTS documents (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, product TEXT NOT NULL,
  industry TEXT NOT NULL, persona TEXT NOT NULL, stage TEXT NOT NULL, competitor TEXT NOT NULL, customer TEXT NOT NULL,
  permission TEXT NOT NULL, approved TEXT NOT NULL, dated TEXT, valid_until TEXT,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;

-- name: territories
CREATE TABLE IF NOT EXISTS territories (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, manager TEXT NOT NULL, region TEXT NOT NULL,
  countries TEXT NOT NULL, industries TEXT NOT NULL, min_employees INTEGER, max_employees INTEGER, notes TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;

-- name: enrichments (what outside sources say of accounts)
CREATE TABLE IF NOT EXISTS enrichments (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, account TEXT NOT NULL, account_id TEXT NOT NULL, value TEXT NOT NULL,
  provider TEXT NOT NULL, seen TEXT, licence TEXT NOT NULL,
  raw TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS enrichments_of ON enrichments (account_id);

-- name: facts (crm_version, and what imports keep of the data before them)
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- name: edits (what was changed under an idempotency key; kept so that the same change is made once, whoever asks again)
CREATE TABLE IF NOT EXISTS edits (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, record TEXT NOT NULL, version INTEGER NOT NULL, was TEXT NOT NULL,
  becomes TEXT NOT NULL, made TEXT NOT NULL) WITHOUT ROWID;

-- name: past (earlier values of what tells how a deal has moved; an import knows no date of a change, so `made` is '')
CREATE TABLE IF NOT EXISTS past (
  at INTEGER PRIMARY KEY, kind TEXT NOT NULL, record TEXT NOT NULL, field TEXT NOT NULL, was TEXT NOT NULL,
  becomes TEXT NOT NULL, made TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS past_of ON past (kind, record);

-- name: past of deals that are imported again
CREATE TRIGGER IF NOT EXISTS opportunities_past BEFORE INSERT ON opportunities BEGIN
  INSERT INTO past (kind, record, field, was, becomes, made)
    SELECT 'opportunities', NEW.id, 'stage', stage, NEW.stage, '' FROM opportunities WHERE id = NEW.id AND stage <> NEW.stage;
  INSERT INTO past (kind, record, field, was, becomes, made)
    SELECT 'opportunities', NEW.id, 'closes', coalesce(closes, ''), coalesce(NEW.closes, ''), ''
    FROM opportunities WHERE id = NEW.id AND closes IS NOT NEW.closes;
  INSERT INTO past (kind, record, field, was, becomes, made)
    SELECT 'opportunities', NEW.id, 'amount', coalesce(amount, ''), coalesce(NEW.amount, ''), ''
    FROM opportunities WHERE id = NEW.id AND amount IS NOT NEW.amount;
  INSERT INTO past (kind, record, field, was, becomes, made)
    SELECT 'opportunities', NEW.id, 'owner', owner, NEW.owner, '' FROM opportunities WHERE id = NEW.id AND owner <> NEW.owner;
END;

-- name: calls
-- Changes of records that are kept elsewhere: here from before the other side is asked until it is known how that ended.
CREATE TABLE IF NOT EXISTS calls (
  key TEXT PRIMARY KEY, vendor TEXT NOT NULL, edit TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;

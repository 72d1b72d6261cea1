-- What proves who somebody is. Tokens are kept as their SHA-256 only, passwords as argon2 hashes.
-- Times are whole seconds since 1970, UTC. `since` is whose it is: the person who came to have the name at that time, or
-- who had their password taken away then, as the record of the house has it; of whoever had the name before it is not.

-- name: tables
create table if not exists password (
    user text primary key,
    hash text not null,
    changed integer not null,
    since integer not null default 0
) strict, without rowid;
-- One row a signed-in browser. `proved` is when its person last proved who they are.
create table if not exists session (
    digest blob primary key,
    user text not null,
    way text not null,
    created integer not null,
    seen integer not null,
    expires integer not null,
    proved integer not null,
    since integer not null default 0
) strict, without rowid;
create index if not exists session_of on session (user);
-- A link that lets somebody in once. `purpose`: welcome (sign in), invitation (set a first password), reset.
create table if not exists link (
    digest blob primary key,
    user text not null,
    purpose text not null,
    expires integer not null,
    since integer not null default 0
) strict, without rowid;
-- A key for a program. `scopes` are verbs, a JSON array.
create table if not exists api_key (
    key_id text primary key,
    digest blob not null unique,
    user text not null,
    label text not null,
    scopes text not null,
    created integer not null,
    expires integer not null,
    seen integer not null
) strict, without rowid;
-- Who an account of an OpenID provider is here.
create table if not exists account (
    issuer text not null,
    subject text not null,
    user text not null,
    since integer not null default 0,
    primary key (issuer, subject)
) strict, without rowid;
-- What was asked for under an Idempotency-Key: the same key with another body is a mistake.
create table if not exists once (
    user text not null,
    key text not null,
    body blob not null,
    given text not null,
    at integer not null,
    primary key (user, key)
) strict, without rowid;
create index if not exists once_at on once (at);

-- name: is_older (a file of before `since` was kept)
select count(*) = 0 from pragma_table_info('password') where name = 'since'

-- name: add_since
alter table password add column since integer not null default 0;
alter table session add column since integer not null default 0;
alter table link add column since integer not null default 0;
alter table account add column since integer not null default 0;

-- name: people_of_before
select user from password union select user from session union select user from link union select user from account

-- name: drop_older_passwords (of a person, than a time)
delete from password where user = ? and changed < ?

-- name: drop_older_sessions (of a person, than a time)
delete from session where user = ? and created < ?

-- name: keep_passwords
update password set since = ?2 where user = ?1

-- name: keep_sessions
update session set since = ?2 where user = ?1

-- name: keep_links
update link set since = ?2 where user = ?1

-- name: keep_accounts
update account set since = ?2 where user = ?1

-- name: set_password
insert or replace into password (user, hash, changed, since) values (?, ?, ?, ?)

-- name: password
select hash from password where user = ? and since = ?

-- name: drop_password
delete from password where user = ?

-- name: add_session
insert into session (digest, user, way, created, seen, expires, proved, since) values (?, ?, ?, ?, ?, ?, ?, ?)

-- name: session
select user, way, created, seen, expires, proved, since from session where digest = ?

-- name: session_seen
update session set seen = ? where digest = ?

-- name: session_proved
update session set proved = ? where digest = ?

-- name: last_seen (of a person)
select max(seen) from session where user = ? and since = ?

-- name: drop_session
delete from session where digest = ?

-- name: drop_sessions (of a person)
delete from session where user = ?

-- name: drop_old_sessions
delete from session where expires <= ? or seen <= ?

-- name: add_link
insert into link (digest, user, purpose, expires, since) values (?, ?, ?, ?, ?)

-- name: take_link (whoever comes first)
delete from link where digest = ? returning user, purpose, expires, since

-- name: drop_links (of a person)
delete from link where user = ?

-- name: drop_old_links
delete from link where expires <= ?

-- name: add_key
insert into api_key (key_id, digest, user, label, scopes, created, expires, seen) values (?, ?, ?, ?, ?, ?, ?, 0)

-- name: key
select key_id, user, label, scopes, created, expires, seen from api_key where digest = ?

-- name: key_named
select key_id, user, label, scopes, created, expires, seen from api_key where key_id = ?

-- name: keys
select key_id, user, label, scopes, created, expires, seen from api_key order by created, key_id

-- name: key_seen
update api_key set seen = ? where key_id = ?

-- name: drop_key
delete from api_key where key_id = ?

-- name: drop_keys (of a person)
delete from api_key where user = ?

-- name: link_account
insert or replace into account (issuer, subject, user, since) values (?, ?, ?, ?)

-- name: account
select user, since from account where issuer = ? and subject = ?

-- name: drop_accounts (of a person)
delete from account where user = ?

-- name: once
insert or ignore into once (user, key, body, given, at) values (?, ?, ?, ?, ?)

-- name: once_given
select body, given from once where user = ? and key = ?

-- name: drop_old_onces
delete from once where at <= ?

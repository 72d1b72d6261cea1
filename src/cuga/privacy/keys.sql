-- Keys of people, and what is kept of those who were erased. Keys are random; ids are keyed digests and name nobody.

-- name: tables
create table if not exists house (
    only integer primary key check (only = 1),
    secret blob not null
) strict;
create table if not exists subject (
    id text primary key,
    key blob not null
) strict, without rowid;
create table if not exists erased (
    id text primary key
) strict, without rowid;

-- name: secret
select secret from house where only = 1

-- name: set_secret
insert or ignore into house (only, secret) values (1, ?)

-- name: set_secret_to
insert or replace into house (only, secret) values (1, ?)

-- name: every_key
select id, key from subject

-- name: every_erased
select id from erased

-- name: key
select key from subject where id = ?

-- name: add
insert or ignore into subject (id, key) select ?1, ?2 where not exists (select 1 from erased where id = ?1)

-- name: drop
delete from subject where id = ?

-- name: erase
insert or ignore into erased (id) values (?)

-- name: count
select (select count(*) from subject), (select count(*) from erased)

-- name: drop_keys
delete from subject

-- name: drop_erased
delete from erased

-- name: drop_secret
delete from house

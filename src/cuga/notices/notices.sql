-- Who is told, what is still to be told, and how far the journal was read for it.
-- Times are whole seconds since 1970, UTC.

-- name: tables
create table if not exists target (
    notice_id text primary key,
    channel text not null,
    address text not null,
    secret text not null
) strict, without rowid;
create table if not exists outgoing (
    message_id text not null,
    notice_id text not null,
    body blob not null,
    attempts integer not null,
    due integer not null,
    primary key (message_id, notice_id)
) strict, without rowid;
create index if not exists outgoing_due on outgoing (due);
-- What was told already: a message is made from a fact that may be read twice.
create table if not exists told (
    message_id text not null,
    notice_id text not null,
    at integer not null,
    primary key (message_id, notice_id)
) strict, without rowid;
create table if not exists mark (
    only integer primary key check (only = 1),
    position integer not null
) strict;

-- name: position
select position from mark where only = 1

-- name: set_position
insert or replace into mark (only, position) values (1, ?)

-- name: add_target
insert into target (notice_id, channel, address, secret) values (?, ?, ?, ?)

-- name: target
select channel, address, secret from target where notice_id = ?

-- name: targets
select notice_id, channel, address from target

-- name: drop_target
delete from target where notice_id = ?

-- name: drop_outgoing (of a target)
delete from outgoing where notice_id = ?

-- name: is_told
select 1 from told where message_id = ? and notice_id = ?

-- name: add
insert or ignore into outgoing (message_id, notice_id, body, attempts, due) values (?, ?, ?, 0, ?)

-- name: due
select message_id, notice_id, body, attempts from outgoing where due <= ? order by due limit ?

-- name: every
select message_id, notice_id, body from outgoing

-- name: waiting
select count(*) from outgoing

-- name: later
update outgoing set attempts = ?, due = ? where message_id = ? and notice_id = ?

-- name: take_away
delete from outgoing where message_id = ? and notice_id = ?

-- name: tell
insert or ignore into told (message_id, notice_id, at) values (?, ?, ?)

-- name: forget_old
delete from told where at <= ?

-- name: forget_told
delete from told

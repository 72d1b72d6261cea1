-- The folded views: rows of each projection, and how far each has read. All of it can be made again from the journal.

-- name: schema
create table view (
    name text primary key,
    version integer not null,
    position integer not null,
    hash blob not null
) without rowid;
create table row (
    name text not null,
    key text not null,
    body blob not null,
    crc integer not null,
    primary key (name, key)
) without rowid;

-- name: mark
select version, position, hash from view where name = ?

-- name: set_mark
insert into view (name, version, position, hash) values (?, ?, ?, ?)
on conflict (name) do update set version = excluded.version, position = excluded.position, hash = excluded.hash

-- name: move_mark (only from where it was seen)
update view set position = ?, hash = ? where name = ? and position = ? and hash = ?

-- name: read
select body, crc from row where name = ? and key = ?

-- name: every
select key, body, crc from row where name = ? and key >= ? order by key

-- name: page
select key, body, crc from row where name = ? and key >= ? and key > ? order by key limit ?

-- name: put
insert into row (name, key, body, crc) values (?, ?, ?, ?)
on conflict (name, key) do update set body = excluded.body, crc = excluded.crc

-- name: take_away
delete from row where name = ? and key = ?

-- name: take_away_all
delete from row where name = ?

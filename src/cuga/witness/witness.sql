-- Checkpoints of other houses' journals, as `cuga.witness.shelf` asks for them: a row for each epoch of a journal.

-- name: tables
create table if not exists seen (
    origin text not null,
    epoch integer not null,
    size integer not null,
    note blob not null,
    since integer not null,
    at integer not null,
    primary key (origin, epoch)
) strict

-- name: newest
select origin, epoch, size, note, since, at from seen where origin = ? order by epoch desc limit 1

-- name: every
select origin, epoch, size, note, since, at from seen order by origin, epoch

-- name: replace
-- In the place of exactly what was read, and never behind it.
update seen set size = ?1, note = ?2, at = ?3 where origin = ?4 and epoch = ?5 and note = ?6 and size <= ?1
returning origin, epoch, size, note, since, at

-- name: add
-- The first of an epoch, unless there is one, or a newer epoch.
insert into seen (origin, epoch, size, note, since, at)
select ?1, ?2, ?3, ?4, ?5, ?6 where not exists (select 1 from seen where origin = ?1 and epoch >= ?2)
on conflict do nothing
returning origin, epoch, size, note, since, at

-- name: drop
-- It lies elsewhere now.
delete from seen

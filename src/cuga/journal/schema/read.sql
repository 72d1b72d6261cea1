-- What can be asked. All of it is answered from indexes.

-- name: begin (one moment of the file, for a long reading)
begin

-- name: stream_pk
select pk from stream where name = ?

-- name: head (of one stream)
select version, hash from journal where run = ? order by expected desc limit 1

-- name: last_pk
select coalesce(max(pk), 0) from stream

-- name: last_id
select coalesce(max(id), 0) from journal

-- name: appends (to one stream, after a version; before them the one that ends at or before it, for its hash)
select id, cast(expected as integer), cast(version as integer), events, hash from journal
where run = :run and expected >= coalesce(
    (select expected from journal where run = :run and expected < :after and version <= :after order by expected desc limit 1),
    0)
order by expected

-- name: page (of all streams, the appends that end after a position)
select j.id, s.name, j.expected, j.version, j.events, j.hash
from journal j join stream s on s.pk = j.run where j.id > ? order by j.id limit ?

-- name: structure (the first thing that is wrong with pages and indexes, or `ok`)
pragma integrity_check(1)

-- name: blob
select body from blob where digest = ?

-- name: used
select used from scope where name = ?

-- name: runs_newest
select s.name, r.*, 
    (select version from journal j where j.run = r.run order by expected desc limit 1)
from runs r join stream s on s.pk = r.run
where r.tenant = :tenant and (r.started, r.run) < (:started, :run)
order by r.started desc, r.run desc limit :limit

-- name: runs_by_status
select s.name, r.*, 
    (select version from journal j where j.run = r.run order by expected desc limit 1)
from runs r join stream s on s.pk = r.run
where r.tenant = :tenant and r.status = :status and (r.started, r.run) < (:started, :run)
order by r.started desc, r.run desc limit :limit

-- name: run_started
select r.started, r.run from runs r join stream s on s.pk = r.run where s.name = ?

-- name: due
select s.name from runs r join stream s on s.pk = r.run
where r.status = 'parked' and r.wake_at is not null and r.wake_at <= ? order by r.wake_at limit ?

-- name: unfinished
select s.name from runs r join stream s on s.pk = r.run where r.status = 'running' order by r.started limit ?

-- name: next_wake
select min(wake_at) from runs where status = 'parked' and wake_at is not null

-- name: approvals_open
select card from approval
where tenant = ? and card is not null and (requested, id) > (?, ?) order by requested, id limit ?

-- name: approvals_urgent (the order is that of the index `approval_urgent`, word by word)
select a.id, s.name, (select version from journal where run = a.run order by expected desc limit 1)
from approval a join stream s on s.pk = a.run
where tenant = ? and card is not null
order by
    case when instr(card, cast('"risk":"high"' as blob)) then 1
         when instr(card, cast('"risk":"medium"' as blob)) then 2
         when instr(card, cast('"risk":"low"' as blob)) then 3 else 0 end,
    requested, a.id
limit ?

-- name: approvals_waiting
select count(*) from (select 1 from approval where tenant = ? and card is not null limit ?)

-- name: approval_requested
select requested, id from approval where id = ?

-- name: approval_run
select s.name from approval a join stream s on s.pk = a.run where a.id = ?

-- name: links (of all appends, in order: what the leaves of the tree are made of)
select id, hash from journal where id > ? order by id limit ?

-- name: checkpoint (the newest that is not larger than a size)
select size, position, note, peaks from checkpoint where size <= ? order by size desc limit 1

-- name: run_of_trace (the newest run with this trace)
select s.name from runs r join stream s on s.pk = r.run
where r.trace_id = ? and r.tenant = ? order by r.started desc, r.run desc limit 1

-- name: epoch
select value from fact where name = 'epoch'

-- name: version_of_data (changes when another connection has committed)
pragma data_version

-- name: every_table (and index, as they are made)
select name, type, tbl_name, sql from sqlite_schema

-- name: every_migration
select name, number, digest from migration

-- name: checkpoints_known (nothing in a copy that is older than they are)
select 1 from sqlite_schema where name = 'checkpoint'

-- name: every_append (whoever edits by hand may leave text where numbers were: as numbers they do not fit)
select id, run, cast(expected as integer), cast(version as integer), events, hash from journal order by id

-- name: append_at (a version of a stream: was something decided on it?)
select id from journal where run = ? and expected = ?

-- name: every_stream
select pk, name from stream

-- name: every_scope
select name, used from scope

-- name: every_blob
select digest, body from blob

-- name: every_run_length
select run, version from runs

-- name: last_append
select id, hash from journal order by id desc limit 1

-- name: every_run
select * from runs

-- name: every_approval
select id, run, tenant, requested, card from approval

-- name: every_checkpoint
select size, position, note, peaks from checkpoint

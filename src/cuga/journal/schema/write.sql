-- What an append stores. The row of a `values` list is repeated as often as a statement has rows.

-- name: begin
begin immediate

-- name: commit
commit

-- name: rollback
rollback

-- name: vacuum (the file anew, without what was deleted in it)
vacuum

-- name: add_streams
insert into stream (pk, name) values (?, ?)

-- name: add_appends
insert into journal (id, run, expected, version, events, hash) values (?, ?, ?, ?, ?, ?)

-- name: add_blobs (the same bytes are kept once)
insert or ignore into blob (digest, body) values (?, ?)

-- name: set_scopes
insert into scope (name, used) values (?, ?) on conflict (name) do update set used = excluded.used

-- name: set_runs (tenant and begin of a run stay: left out of the update, their index is not touched)
insert into runs
    (run, status, tenant, profile, goal, requester, trace_id, reason, wake_at, started, updated, version)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (run) do update set
    status = excluded.status, reason = excluded.reason, wake_at = excluded.wake_at, updated = excluded.updated,
    version = excluded.version

-- name: open_approvals
insert or replace into approval (id, run, tenant, requested, card) values (?, ?, ?, ?, ?)

-- name: close_approvals (a request that was never listed is listed as closed, so that its run can be found)
insert into approval (id, run, tenant, requested, card) values (?, ?, ?, ?, ?)
on conflict (id) do update set card = null

-- name: add_checkpoints (one that is there is the same)
insert or ignore into checkpoint (size, position, note, peaks) values (?, ?, ?, ?)

-- name: heal (any small commit: it overwrites what a failed one may have left in the write-ahead log)
update fact set value = value + 1 where name = 'healed'

-- name: clear_scopes
delete from scope

-- name: set_epoch
update fact set value = ? where name = 'epoch'

-- name: hash_at (a position: did this very append get there?)
select hash from journal where id = ?

-- name: appends_of (a stream, up to a version: what came since the tombstones were made stays as it is)
select id, expected, version from journal
where run = (select pk from stream where name = ?) and version <= ? order by expected

-- name: retire_append (tombstones in the place of its events; position, version and link stay)
update journal set events = ? where id = ?

-- name: retire_run
update runs set goal = ?, reason = ? where run = (select pk from stream where name = ?)

-- name: later (what was appended since bytes were found to be nobody's)
select events from journal where id > ?

-- name: drop_blob
delete from blob where digest = ?

-- What can be asked. All of it is answered from indexes.

-- name: head (of one stream)
select version, hash from stream where name = $1

-- name: version
select version from stream where name = $1

-- name: appends (to one stream, after a version; before them the one that ends at or before it, for its hash)
select j.id, j.expected, j.version, j.events, j.hash from journal j
where j.run = (select pk from stream where name = $1) and j.expected >= coalesce(
    (select b.expected from journal b
     where b.run = (select pk from stream where name = $1) and b.expected < $2 and b.version <= $2
     order by b.expected desc limit 1),
    0)
order by j.expected

-- name: appends_of_many (streams, all of each)
select s.name, j.id, j.expected, j.version, j.events, j.hash from stream s join journal j on j.run = s.pk
where s.name = any($1::text[]) order by j.run, j.expected

-- name: page (of all streams, the appends that end after a position)
select j.id, s.name, j.expected, j.version, j.events, j.hash
from journal j join stream s on s.pk = j.run where j.id > $1 order by j.id limit $2

-- name: last_position
select last from book

-- name: blob
select body from blob where digest = $1

-- name: used
select used from scope where name = $1

-- name: runs_newest
select s.name, s.version, r.body from runs r join stream s on s.pk = r.run
where r.tenant = $1 and (r.started, r.run) < ($2, $3) order by r.started desc, r.run desc limit $4

-- name: runs_by_status
select s.name, s.version, r.body from runs r join stream s on s.pk = r.run
where r.tenant = $1 and (r.started, r.run) < ($2, $3) and r.status = $5 order by r.started desc, r.run desc limit $4

-- name: run_started
select r.started, r.run from runs r join stream s on s.pk = r.run where s.name = $1

-- name: due
select s.name from runs r join stream s on s.pk = r.run
where r.status = 'parked' and r.wake_at is not null and r.wake_at <= $1 order by r.wake_at limit $2

-- name: unfinished
select s.name from runs r join stream s on s.pk = r.run where r.status = 'running' order by r.started limit $1

-- name: next_wake
select min(wake_at) from runs where status = 'parked' and wake_at is not null

-- name: approvals_open
select card from approval
where tenant = $1 and card is not null and (requested, id) > ($2, $3) order by requested, id limit $4

-- name: approvals_urgent (the order is that of the index `approval_urgent`, word by word)
select a.id, s.name, s.version from approval a join stream s on s.pk = a.run
where a.tenant = $1 and card is not null
order by
    (case when position('"risk":"high"'::bytea in card) > 0 then 1
          when position('"risk":"medium"'::bytea in card) > 0 then 2
          when position('"risk":"low"'::bytea in card) > 0 then 3 else 0 end),
    requested, a.id
limit $2

-- name: approvals_waiting
select count(*) from (select 1 from approval where tenant = $1 and card is not null limit $2) found

-- name: approval_requested
select requested, id from approval where id = $1

-- name: approval_run
select s.name from approval a join stream s on s.pk = a.run where a.id = $1

-- name: epoch
select value from fact where name = 'epoch'

-- name: time (of the database, in microseconds since 1970)
select (extract(epoch from clock_timestamp()) * 1000000)::bigint

-- name: every_append
select id, run, expected, version, events, hash from journal order by id

-- name: append_at (a version of a stream: was something decided on it?)
select id from journal where run = $1 and expected = $2

-- name: every_stream
select pk, name from stream

-- name: every_scope
select name, used from scope

-- name: every_blob
select digest, body from blob

-- name: every_run_length
select run, version from runs

-- name: every_head
select pk, name, version, hash from stream

-- name: versions (of some streams)
select name, version from stream where name = any($1::text[])

-- name: heads_that_differ (from the last append of their stream)
select s.name, s.version, s.hash, j.version, j.hash
from stream s left join lateral (
    select version, hash from journal where run = s.pk order by expected desc limit 1
) j on true
where s.version <> coalesce(j.version, 0) or (j.hash is not null and s.hash <> j.hash)

-- name: every_run
select run, version, body from runs

-- name: every_approval
select id, run, tenant, requested, card from approval

-- name: is_moved (into a file: nothing may be appended here any more)
select exists (select from fact where name = 'moved')

-- name: links (of all appends, in order: what the leaves of the tree are made of)
select id, hash from journal where id > $1 order by id limit $2

-- name: checkpoint (the newest that is not larger than a size)
select size, position, note, peaks from checkpoint where size <= $1 order by size desc limit 1

-- name: every_checkpoint
select size, position, note, peaks from checkpoint

-- name: settings (of the server and of this connection, that durability rests on)
select current_setting('server_version'), current_setting('fsync'), current_setting('full_page_writes'),
    current_setting('synchronous_commit'), current_setting('max_connections')::int,
    (select count(*)::int from pg_stat_activity), pg_is_in_recovery()

-- name: takes_appends (whether the server is no standby, and the book was not moved into a file)
select not pg_is_in_recovery() and not exists (select from fact where name = 'moved')

-- name: run_of_trace (the newest run with this trace)
select s.name from runs r join stream s on s.pk = r.run
where r.trace = $1 and r.tenant = $2 order by r.started desc, r.run desc limit 1

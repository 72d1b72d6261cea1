-- Who attends to a run among the processes of a book, for the engine on Restate. A run is held by an advisory lock of a
-- session that says now and then that it lives; a session that is silent has lost what it holds.

-- name: take
select pg_try_advisory_lock(hashtext(current_schema() || ' restate'), hashtext($1))

-- name: let_go (what was appended before this was seen to: a run that parked and stays so is at rest)
with seen as (
    update runs r set version = s.version from stream s
    where s.name = $1 and r.run = s.pk and r.status = 'parked' and r.version < s.version and s.version <= $2)
select pg_advisory_unlock(hashtext(current_schema() || ' restate'), hashtext($1))

-- name: hear (that we live is what the server notes with every question; how many say so)
select count(*) from pg_stat_activity
where application_name = 'cuga restate ' || current_schema() and state_change > clock_timestamp() - $1 * interval '1 second'

-- name: end_silent (the session that holds a run, when it was silent for so long)
select pg_terminate_backend(a.pid) from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.database = (select oid from pg_database where datname = current_database())
    and l.classid = (hashtext(current_schema() || ' restate')::bigint & 4294967295)::oid
    and l.objid = (hashtext($1)::bigint & 4294967295)::oid
    and a.pid <> pg_backend_pid() and a.state_change < clock_timestamp() - $2 * interval '1 second'

-- name: stands (of some streams: the version, and whether somebody looks at them or is to)
select s.name, s.version, coalesce(r.status = 'running' or (r.status = 'parked' and r.version < s.version), false)
    or exists (
        select from pg_locks l where l.locktype = 'advisory' and l.granted
            and l.database = (select oid from pg_database where datname = current_database())
            and l.classid = (hashtext(current_schema() || ' restate')::bigint & 4294967295)::oid
            and l.objid = (hashtext(s.name)::bigint & 4294967295)::oid)
from stream s left join runs r on r.run = s.pk where s.name = any($1::text[])

-- name: touched (parked runs that were appended to since somebody saw to them)
select s.name, s.version from runs r join stream s on s.pk = r.run
where r.status = 'parked' and r.version < s.version order by r.started limit 1000

-- The queue of Procrastinate beside the book: a job says "look at this run now", and nothing more. Jobs lie in the
-- schema of the book, so that they are queued in the transaction of the facts they are queued for.

-- name: tables
create index jobs_of_tenant on procrastinate_jobs ((args ->> 'tenant')) where status = 'todo';
-- every fetch asks of its candidate whether another job of the same run waits or is in hand
create index jobs_of_run on procrastinate_jobs (lock);

-- Queue a look at a run, unless one waits already. A waiting one is locked until this transaction ends, so nobody can
-- begin it before the facts are there that it is to look at. Behind a tenant's many waiting runs the few of another go
-- first: eight waiting runs cost one step of priority.
create or replace function wake(stream_name text, pool text) returns void language plpgsql as $$
declare
    for_tenant text;
    waiting bigint;
begin
    select tenant into for_tenant from stream where name = stream_name;
    select count(*) into waiting from (
        select from procrastinate_jobs where status = 'todo' and args ->> 'tenant' = for_tenant limit 800) as w;
    insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
        values (case when pool = '' then 'cuga' else pool end, 'advance', -(waiting / 8), stream_name, stream_name,
                jsonb_build_object('run_id', stream_name, 'tenant', for_tenant))
        on conflict (queueing_lock) where status = 'todo' do update set queue_name = excluded.queue_name;
end $$;

-- What each worker does beside its work, one of them at a time. A job whose worker is silent is closed and another one
-- is queued, never the same again: whoever had it may still wake up and acknowledge it.
create or replace function sweep(silent double precision, healing boolean,
    out stalled bigint, out due bigint, out healed bigint) language plpgsql as $$
declare
    found_run record;
    stamped constant bigint := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    since constant timestamptz := clock_timestamp() - silent * interval '1 second';
begin
    stalled := 0; due := 0; healed := 0;
    if not pg_try_advisory_xact_lock(hashtext(current_schema() || ' sweep')) then
        stalled := -1;
        return;
    end if;
    for found_run in
        update procrastinate_jobs j set status = 'failed' where j.status = 'doing' and not exists (
            select from procrastinate_workers w where w.id = j.worker_id and w.last_heartbeat > since)
        returning lock
    loop
        perform wake(found_run.lock, '');
        stalled := stalled + 1;
    end loop;
    -- jobs for a process that served only its own runs and is gone
    update procrastinate_jobs j set queue_name = 'cuga' where j.status = 'todo' and j.queue_name like 'front/%'
        and not exists (select from procrastinate_workers w
            where 'front/' || w.id = j.queue_name and w.last_heartbeat > since);
    delete from procrastinate_jobs where status in ('failed', 'aborted', 'cancelled', 'succeeded');
    for found_run in
        select r.run, s.name from runs r join stream s on s.pk = r.run
        where r.status = 'parked' and r.wake_at is not null and r.wake_at <= stamped
        order by r.wake_at limit 1000 for update of r skip locked
    loop
        update runs set wake_at = stamped + 30000000 where run = found_run.run;  -- until its own append says otherwise
        perform wake(found_run.name, '');
        due := due + 1;
    end loop;
    if healing then
        for found_run in
            -- begun and not ended, or parked with something appended since; `version` marks that it was seen to
            select r.run, s.name, s.version from runs r join stream s on s.pk = r.run
            where (r.status = 'running' or (r.status = 'parked' and r.version < s.version)) and not exists (
                select from procrastinate_jobs j where j.lock = s.name and j.status in ('todo', 'doing'))
            order by r.started limit 1000
        loop
            update runs set version = found_run.version where run = found_run.run and version < found_run.version;
            perform wake(found_run.name, '');
            healed := healed + 1;
        end loop;
    end if;
end $$;

-- name: tables_2
-- Words to `wake` that queue nothing: `hold/N` gives a run that begins to the worker N that begins it, `rest/N` takes a
-- run that now rests from it, and `pool/NAME` queues the calls of a run that processes of that pool make: they are in
-- hand beside the run itself, under a key of their own. What a pool's worker had in hand and lost is queued as `again`.
create or replace function wake(stream_name text, pool text) returns void language plpgsql as $$
declare
    for_tenant text;
    waiting bigint;
    word constant text := split_part(pool, '/', 1);
    key constant text := case when word = 'pool' then stream_name || '#' || substr(pool, 6) else stream_name end;
begin
    if word = 'rest' then
        delete from procrastinate_jobs
            where lock = stream_name and status = 'doing' and worker_id = substr(pool, 6)::bigint;
        return;
    end if;
    select tenant into for_tenant from stream where name = stream_name;
    if word = 'hold' then
        insert into procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)
            select 'cuga', 'advance', stream_name, jsonb_build_object('run_id', stream_name, 'tenant', for_tenant),
                'doing', w.id
            from procrastinate_workers w where w.id = substr(pool, 6)::bigint
            on conflict (lock) where status = 'doing' do nothing;
        if found then
            return;
        end if;
        pool := '';  -- that worker is gone: whoever lives takes it
    end if;
    -- behind a hundred and sixty of its own runs a tenant waits no less than behind eight hundred
    select count(*) into waiting from (
        select from procrastinate_jobs where status = 'todo' and args ->> 'tenant' = for_tenant limit 160) as w;
    insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
        values (case when pool = '' then 'cuga' else pool end, 'advance', -(waiting / 8), key, key,
                jsonb_build_object('run_id', stream_name, 'tenant', for_tenant))
        on conflict (queueing_lock) where status = 'todo' do update set queue_name = excluded.queue_name;
end $$;

-- A worker lets go of what it has in hand; `again`: somebody else is to look at it; `begun`: something was not finished.
create function let_go(key text, worker bigint, again boolean, begun boolean) returns boolean language plpgsql as $$
declare
    name constant text := split_part(key, '#', 1);
    pool constant text := case when key like '%#%' then 'pool/' || substr(key, length(name) + 2) else '' end;
begin
    delete from procrastinate_jobs where lock = key and status = 'doing' and worker_id = worker;
    if found and again then
        perform wake(name, pool);
        if begun then
            update procrastinate_jobs set args = args || '{"again": true}' where queueing_lock = key and status = 'todo';
        end if;
        return true;
    end if;
    return found;
end $$;

-- What the worker of each process says of a pool, for all hosts to see: how many of its calls it makes now.
create unlogged table pool_load (
    worker_id bigint not null,
    pool text not null,
    running int not null,
    at timestamptz not null default clock_timestamp(),
    primary key (worker_id, pool)
);

-- How far the book was searched for parked runs to which something was appended and that nobody is to look at. All of it
-- once an hour, else what was appended since the search before the last: a million parked runs are not compared each time.
create table searched (
    one boolean primary key default true check (one),
    before_last bigint not null default 0,
    last bigint not null default 0,
    all_at timestamptz not null default '-infinity'
);
insert into searched default values;

create or replace function sweep(silent double precision, healing boolean,
    out stalled bigint, out due bigint, out healed bigint) language plpgsql as $$
declare
    found_run record;
    stamped constant bigint := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    since constant timestamptz := clock_timestamp() - silent * interval '1 second';
    is_whole boolean;
    after bigint;
begin
    stalled := 0; due := 0; healed := 0;
    if not pg_try_advisory_xact_lock(hashtext(current_schema() || ' sweep')) then
        stalled := -1;
        return;
    end if;
    for found_run in
        update procrastinate_jobs j set status = 'failed' where j.status = 'doing' and not exists (
            select from procrastinate_workers w where w.id = j.worker_id and w.last_heartbeat > since)
        returning lock, args ->> 'run_id' as name
    loop
        if found_run.lock = found_run.name then
            perform wake(found_run.name, '');
        else
            perform wake(found_run.name, 'pool/' || substr(found_run.lock, length(found_run.name) + 2));
            update procrastinate_jobs set args = args || '{"again": true}'
                where queueing_lock = found_run.lock and status = 'todo';
        end if;
        stalled := stalled + 1;
    end loop;
    -- jobs for a process that served only its own runs and is gone
    update procrastinate_jobs j set queue_name = 'cuga' where j.status = 'todo' and j.queue_name like 'front/%'
        and not exists (select from procrastinate_workers w
            where 'front/' || w.id = j.queue_name and w.last_heartbeat > since);
    delete from procrastinate_jobs where status in ('failed', 'aborted', 'cancelled', 'succeeded');
    for found_run in
        select r.run, s.name from runs r join stream s on s.pk = r.run
        where r.status = 'parked' and r.wake_at is not null and r.wake_at <= stamped
        order by r.wake_at limit 1000 for update of r skip locked
    loop
        update runs set wake_at = stamped + 30000000 where run = found_run.run;  -- until its own append says otherwise
        perform wake(found_run.name, '');
        due := due + 1;
    end loop;
    if healing then
        delete from pool_load where at < since;
        select all_at < clock_timestamp() - interval '1 hour', before_last into is_whole, after from searched;
        update searched set before_last = searched.last, last = (select b.last from book b),
            all_at = case when is_whole then clock_timestamp() else all_at end;
        for found_run in
            -- begun and not ended, or parked with something appended since; `version` marks that it was seen to
            select r.run, s.name, s.version, r.started from runs r join stream s on s.pk = r.run
            where r.status = 'running' and not exists (
                select from procrastinate_jobs j where j.lock = s.name and j.status in ('todo', 'doing'))
            union all
            select r.run, s.name, s.version, r.started from runs r join stream s on s.pk = r.run
            where is_whole and r.status = 'parked' and r.version < s.version and not exists (
                select from procrastinate_jobs j where j.lock = s.name and j.status in ('todo', 'doing'))
            union all
            select r.run, s.name, s.version, r.started
            from (select distinct j.run from journal j where j.id > after and not is_whole) as lately
                join runs r on r.run = lately.run join stream s on s.pk = r.run
            where r.status = 'parked' and r.version < s.version and not exists (
                select from procrastinate_jobs j where j.lock = s.name and j.status in ('todo', 'doing'))
            order by started limit 1000
        loop
            update runs set version = found_run.version where run = found_run.run and version < found_run.version;
            perform wake(found_run.name, '');
            healed := healed + 1;
        end loop;
    end if;
end $$;

-- name: tables_3
-- As before, but that the job of who rests is found by its run: what a worker has in hand may be much, and before a first
-- ANALYZE the planner would look through all of it. So its worker is asked for in a way that no index answers.
create or replace function wake(stream_name text, pool text) returns void language plpgsql as $$
declare
    for_tenant text;
    waiting bigint;
    word constant text := split_part(pool, '/', 1);
    key constant text := case when word = 'pool' then stream_name || '#' || substr(pool, 6) else stream_name end;
begin
    if word = 'rest' then
        delete from procrastinate_jobs
            where lock = stream_name and status = 'doing' and coalesce(worker_id, 0) = substr(pool, 6)::bigint;
        return;
    end if;
    select tenant into for_tenant from stream where name = stream_name;
    if word = 'hold' then
        insert into procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)
            select 'cuga', 'advance', stream_name, jsonb_build_object('run_id', stream_name, 'tenant', for_tenant),
                'doing', w.id
            from procrastinate_workers w where w.id = substr(pool, 6)::bigint
            on conflict (lock) where status = 'doing' do nothing;
        if found then
            return;
        end if;
        pool := '';  -- that worker is gone: whoever lives takes it
    end if;
    -- behind a hundred and sixty of its own runs a tenant waits no less than behind eight hundred
    select count(*) into waiting from (
        select from procrastinate_jobs where status = 'todo' and args ->> 'tenant' = for_tenant limit 160) as w;
    insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
        values (case when pool = '' then 'cuga' else pool end, 'advance', -(waiting / 8), key, key,
                jsonb_build_object('run_id', stream_name, 'tenant', for_tenant))
        on conflict (queueing_lock) where status = 'todo' do update set queue_name = excluded.queue_name;
end $$;

-- As `wake` for each of them in turn, but that the runs that begin are given to their workers together.
create or replace function wake_all(stream_names text[], pools text[]) returns void language plpgsql as $$
declare
    held text[] := '{}';
begin
    if cardinality(stream_names) > 1 and exists (select from unnest(pools) as t(po) where po like 'hold/%') then
        with begun as (
            insert into procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)
                select 'cuga', 'advance', s.name, jsonb_build_object('run_id', s.name, 'tenant', s.tenant),
                    'doing', w.id
                from unnest(stream_names, pools) as t(n, po) join stream s on s.name = t.n
                    join procrastinate_workers w on w.id = case when po like 'hold/%' then substr(po, 6)::bigint end
                on conflict (lock) where status = 'doing' do nothing returning lock)
            select coalesce(array_agg(lock), '{}') into held from begun;
    end if;
    perform wake(n, po) from unnest(stream_names, pools) as t(n, po) where not (po like 'hold/%' and n = any(held));
end $$;

-- name: wake
select wake($1, $2)

-- name: wake_parked (every parked run of a tenant is to be looked at)
select count(wake(s.name, '')) from runs r join stream s on s.pk = r.run where r.tenant = $1 and r.status = 'parked'

-- name: sweep
select stalled, due, healed from sweep($1, $2)

-- name: holds (which of these keys are still in the hands of a worker?)
select lock from procrastinate_jobs where lock = any($1::text[]) and status = 'doing' and worker_id = $2

-- name: in_hand (all keys that a worker has)
select lock from procrastinate_jobs where status = 'doing' and worker_id = $1

-- name: let_go
select let_go($1, $2, $3, $4)

-- name: done (jobs that were seen to)
delete from procrastinate_jobs where id = any($1::bigint[]) and status = 'doing' returning id

-- name: fetch (so many jobs of some queues; of a key that somebody has in hand none)
with candidate as (
    select j.id from procrastinate_jobs j
    where j.status = 'todo' and j.queue_name = any($1::text[]) and not exists (
        select from procrastinate_jobs d where d.lock = j.lock and d.status = 'doing')
    order by j.priority desc, j.id limit $3 for update of j skip locked)
update procrastinate_jobs j set status = 'doing', worker_id = $2 from candidate c where j.id = c.id
returning j.id, j.lock, j.args ->> 'run_id', j.args ->> 'tenant', coalesce(j.args ->> 'again', '') <> ''

-- name: load_said (of the pools of one worker)
insert into pool_load (worker_id, pool, running)
    select $1, p, r from unnest($2::text[], $3::int[]) as t(p, r)
    on conflict (worker_id, pool) do update set running = excluded.running, at = clock_timestamp() returning pool

-- name: load_elsewhere (calls of each pool that other processes make, and how many processes serve it)
select pool, coalesce(sum(running) filter (where worker_id <> $1), 0)::bigint, count(*) from pool_load
where at > clock_timestamp() - $2 * interval '1 second' group by pool

-- name: busy (which of these keys somebody has in hand, or is to have)
select distinct lock from procrastinate_jobs where lock = any($1::text[]) and status in ('todo', 'doing')

-- name: stands (of some runs: their versions, and whether somebody is to look at them or does)
select s.name, s.version, exists (
    select from procrastinate_jobs j where j.lock = s.name and j.status in ('todo', 'doing'))
from stream s where s.name = any($1::text[])

-- name: workers (that were heard of lately)
select count(*) from procrastinate_workers where last_heartbeat > clock_timestamp() - $1 * interval '1 second'

-- name: figures
select
    count(*) filter (where status = 'todo'),
    count(*) filter (where status = 'doing'),
    count(*) filter (where status = 'doing' and not exists (
        select from procrastinate_workers w
        where w.id = j.worker_id and w.last_heartbeat > clock_timestamp() - $1 * interval '1 second')),
    coalesce(extract(epoch from clock_timestamp() - min(
        (select min(e.at) from procrastinate_events e where e.job_id = j.id and e.type = 'deferred'))
        filter (where status = 'todo')), 0)::double precision,
    (select count(*) from procrastinate_workers where last_heartbeat > clock_timestamp() - $1 * interval '1 second'),
    coalesce((select extract(epoch from clock_timestamp()) - min(wake_at) / 1000000.0 from runs
        where status = 'parked' and wake_at is not null
        and wake_at < (extract(epoch from clock_timestamp()) * 1000000)::bigint), 0)::double precision
from procrastinate_jobs j

-- name: place (one of so many for a tenant; held by this connection until it lets go or is lost)
select pg_try_advisory_lock(hashtext(current_schema() || ' ' || $1), $2)

-- name: leave
select pg_advisory_unlock(hashtext(current_schema() || ' ' || $1), $2)

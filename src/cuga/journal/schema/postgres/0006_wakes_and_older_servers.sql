-- Who is to be woken with a batch, all at once; an engine that can do better than one by one puts its own in the place.
create or replace function wake_all(stream_names text[], pools text[]) returns void language plpgsql as $$
begin
    perform wake(n, po) from unnest(stream_names, pools) as t(n, po);
end $$;

-- `add_appends` as before, but that it wakes all at once, and asks for nothing that a server before 18 has not: bytes have
-- no smallest there. The same digest is the same bytes, so any of them will do.
create or replace function add_appends(
    batch_id bigint,
    names text[], expecteds bigint[], counts bigint[], befores bytea[], hashes bytea[], bodies bytea[],
    claim_of bigint[], claim_scope bytea[], claim_amount bigint[], claim_limit bigint[],
    run_of bigint[], run_status text[], run_tenant text[], run_trace bytea[], run_wake bigint[],
    run_started bigint[], run_body bytea[],
    card_of bigint[], card_id text[], card_tenant text[], card_requested bigint[], card_body bytea[],
    blob_of bigint[], blob_digest text[], blob_body bytea[],
    wake_of bigint[], wake_pool text[],
    out states bigint[], out stands bigint[], out refusals bigint[]
) language plpgsql as $$
declare
    many constant int := cardinality(names);
    claims constant int := cardinality(claim_of);
    pks bigint[];
    part bigint[];  -- the streams of it that stood where they were believed to, and their places in it
    places bigint[];
    first_one int := 1;  -- the batch is worked through in parts in which no stream comes twice
    last_one int;
    claim int := 1;
    first_claim int;
    pk_found bigint;
    held bigint;
    total bigint := 0;
    base bigint;
    fits boolean;
begin
    states := array_fill(0::bigint, array[many]);
    stands := array_fill(0::bigint, array[many]);
    refusals := array_fill(0::bigint, array[many]);
    pks := array_fill(null::bigint, array[many]);

    if exists (select from fact where name = 'moved') then
        raise exception 'this book was moved into a file; nothing is appended to it any more';
    end if;

    -- one order of locks for all processes: new streams, streams, scopes, blobs, the book; each by its name, which is
    -- the order in which a batch comes
    if 0 = any(expecteds) then
        insert into stream (name, tenant)
            select distinct on (n) n, case when n like 'house/%' then substr(n, 7) else coalesce(te, '') end
            from unnest(names, expecteds) with ordinality as t(n, e, i) left join unnest(run_of, run_tenant) as r(o, te) on o = i
            where e = 0 and n <> '' and not exists (select from stream s where s.name = n) order by n, i
            on conflict do nothing;
    end if;
    if claims > 0 then
        if claims > 1 then
            insert into scope (name, used)
                select distinct n, 0 from unnest(claim_scope) as t(n)
                where not exists (select from scope s where s.name = n) order by 1
                on conflict do nothing;
        elsif not exists (select from scope where name = claim_scope[1]) then
            insert into scope (name, used) values (claim_scope[1], 0) on conflict do nothing;
        end if;
    end if;

    while first_one <= many loop
        last_one := first_one;
        while last_one < many and (names[last_one + 1] <> names[last_one] or names[last_one] = '') loop
            last_one := last_one + 1;
        end loop;

        if first_one = last_one then
            update stream set version = expecteds[first_one] + counts[first_one], hash = hashes[first_one]
                where name = names[first_one] and version = expecteds[first_one] and hash = befores[first_one]
                returning pk into pk_found;
            pks[first_one] := pk_found;
        else
            with moved as (
                update stream s set version = s.version + t.c, hash = t.h
                from unnest(names[first_one:last_one], expecteds[first_one:last_one], counts[first_one:last_one],
                    befores[first_one:last_one], hashes[first_one:last_one]) with ordinality as t(n, e, c, b, h, i)
                where s.name = t.n and s.version = t.e and s.hash = t.b
                returning t.i, s.pk)
            select array_agg(m.pk order by m.i), array_agg(m.i order by m.i) into part, places from moved m;
            if cardinality(part) = many then
                pks := part;
            else
                for i in 1 .. coalesce(cardinality(part), 0) loop
                    pks[first_one - 1 + places[i]] := part[i];
                end loop;
            end if;
        end if;

        if array_position(pks[first_one:last_one], null) is not null then
            for i in first_one .. last_one loop
                continue when pks[i] is not null or names[i] = '';
                select pk, version into pk_found, held from stream where name = names[i];
                perform from journal where run = pk_found and expected = expecteds[i] and batch = batch_id;
                if found then  -- stored by an earlier attempt of this very batch, with all that belongs to it
                    stands[i] := expecteds[i] + counts[i];
                else
                    states[i] := 1;
                    stands[i] := coalesce(held, 0);
                end if;
            end loop;
        end if;

        if claims > 0 then
            if first_one = 1 and claims > 1 then
                perform from scope s where s.name = any(claim_scope) order by s.name for update;
            end if;
            fits := false;
            if first_one < last_one then
                select coalesce(bool_and(s.used + w.more <= w.tightest), true) into fits
                from (select n, sum(greatest(a, 0)) as more, min(l) filter (where a >= 0) as tightest
                    from unnest(claim_of, claim_scope, claim_amount, claim_limit) as t(o, n, a, l)
                    where o between first_one and last_one and pks[o] is not null group by n) as w
                join scope s on s.name = w.n where w.tightest is not null;
            end if;
            if fits then
                update scope s set used = s.used + w.net
                    from (select n, sum(a) as net from unnest(claim_of, claim_scope, claim_amount) as t(o, n, a)
                        where o between first_one and last_one and pks[o] is not null group by n) as w
                    where s.name = w.n and w.net <> 0;
            else
                for i in first_one .. last_one loop
                    continue when pks[i] is null;
                    while claim <= claims and claim_of[claim] < i loop
                        claim := claim + 1;  -- of appends that were in conflict
                    end loop;
                    first_claim := claim;
                    while claim <= claims and claim_of[claim] = i and states[i] = 0 loop
                        if claim_amount[claim] = 0 then
                            perform from scope where name = claim_scope[claim] and used <= claim_limit[claim];
                        elsif claim_amount[claim] < 0 then
                            update scope set used = used + claim_amount[claim] where name = claim_scope[claim];
                        else
                            update scope set used = used + claim_amount[claim]
                                where name = claim_scope[claim] and used + claim_amount[claim] <= claim_limit[claim];
                        end if;
                        if not found then
                            states[i] := 2;
                            refusals[i] := claim;
                        else
                            claim := claim + 1;
                        end if;
                    end loop;
                    if states[i] = 2 then  -- all claims of an append or none, and nothing of it without them
                        while claim > first_claim loop
                            claim := claim - 1;
                            update scope set used = used - claim_amount[claim] where name = claim_scope[claim];
                        end loop;
                        select used into held from scope where name = claim_scope[refusals[i]];
                        stands[i] := held;
                        update stream set version = expecteds[i], hash = befores[i] where pk = pks[i];
                        pks[i] := null;
                    end if;
                end loop;
            end if;
        end if;
        first_one := last_one + 1;
    end loop;

    if many > 1 then
        select coalesce(sum(n) filter (where pk is not null), 0),
                array_agg(case when pk is not null then e + n else st end order by i) into total, stands
            from unnest(pks, expecteds, counts, stands) with ordinality as t(pk, e, n, st, i);
    elsif pks[1] is not null then
        total := counts[1];
        stands[1] := expecteds[1] + counts[1];
    end if;

    if cardinality(run_of) > 0 then
        insert into runs (run, status, tenant, trace, wake_at, started, version, body)
            select distinct on (pks[o]) pks[o], st, te, tr, wa, sa, stands[o], bo
            from unnest(run_of, run_status, run_tenant, run_trace, run_wake, run_started, run_body)
                as t(o, st, te, tr, wa, sa, bo)
            where pks[o] is not null order by pks[o], o desc
            on conflict (run) do update set status = excluded.status, wake_at = excluded.wake_at,
                version = excluded.version, body = excluded.body;
        update stream s set tenant = te from unnest(run_of, run_tenant) as t(o, te)
            where s.pk = pks[o] and s.tenant <> te;
    end if;
    if cardinality(card_of) > 0 then
        insert into approval (id, run, tenant, requested, card)
            select distinct on (id) id, pks[o], te, re, ca
            from unnest(card_of, card_id, card_tenant, card_requested, card_body) as t(o, id, te, re, ca)
            where pks[o] is not null and ca is not null order by id, o desc
            on conflict (id) do update set run = excluded.run, tenant = excluded.tenant,
                requested = excluded.requested, card = excluded.card;
        insert into approval (id, run, tenant, requested, card)
            select distinct on (id) id, pks[o], '', 0, null
            from unnest(card_of, card_id, card_body) as t(o, id, ca)
            where pks[o] is not null and ca is null and not exists (
                select from unnest(card_of, card_id, card_body) as l(o, id, ca)
                where l.id = t.id and l.o > t.o and l.ca is not null and pks[l.o] is not null)
            order by id, o desc
            on conflict (id) do update set card = null;
    end if;
    if cardinality(blob_of) > 0 then
        insert into blob (digest, body)
            select di, (array_agg(bo))[1] from unnest(blob_of, blob_digest, blob_body) as t(o, di, bo)
            where o = 0 or pks[o] is not null group by di order by di
            on conflict do nothing;
    end if;
    if cardinality(wake_of) > 0 then
        perform wake_all(array_agg(names[o] order by i), array_agg(po order by i))
            from unnest(wake_of, wake_pool) with ordinality as t(o, po, i) where pks[o] is not null having count(*) > 0;
    end if;
    if total > 0 then
        update book set last = last + total returning last - total into base;
        if many = 1 then
            insert into journal (id, run, expected, version, events, hash, batch)
                values (base + total, pks[1], expecteds[1], stands[1], bodies[1], hashes[1], batch_id);
            return;
        end if;
        insert into journal (id, run, expected, version, events, hash, batch)
            select base + sum(n) over (order by i), pk, ex, ex + n, bo, ha, batch_id
            from unnest(pks, expecteds, counts, bodies, hashes) with ordinality as t(pk, ex, n, bo, ha, i)
            where pk is not null and n > 0 order by i;
    end if;
end $$;

-- One append that comes alone and changes nothing beside its stream, as most steps of a run do that has nobody beside it:
-- events that follow what is there, with one claim at most (a scope of null: none). It answers the version, or raises and
-- nothing is stored: whatever does not hold is weighed, and answered, by `add_appends`, which is asked next.
create function add_append(
    batch_id bigint, stream_name text, expected_version bigint, many bigint, before bytea, after bytea, body bytea,
    scope_name bytea, amount bigint, most bigint
) returns bigint language plpgsql as $$
declare
    pk_found bigint;
    position bigint;
begin
    -- the order of locks of `add_appends`: the stream, the scope, the book
    update stream set version = expected_version + many, hash = after
        where name = stream_name and version = expected_version and hash = before
            and not exists (select from fact where name = 'moved')
        returning pk into pk_found;
    if not found then
        raise exception 'the stream is elsewhere' using errcode = 'CU001';
    end if;
    if scope_name is not null then
        update scope set used = used + amount where name = scope_name and used + amount <= most;
        if not found then
            raise exception 'the scope has no room' using errcode = 'CU001';
        end if;
    end if;
    update book set last = last + many returning last into position;
    insert into journal (id, run, expected, version, events, hash, batch)
        values (position, pk_found, expected_version, expected_version + many, body, after, batch_id);
    return expected_version + many;
end $$;

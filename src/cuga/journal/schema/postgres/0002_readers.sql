-- Who may read what: reports and dashboards get roles of their own, each bound to its tenants here. The one role that
-- writes owns the tables and is not bound by this; it names the tenant in every row.

create table reader (
    role name not null,
    tenant text not null,
    primary key (role, tenant)
);

create function readable(of_tenant text) returns boolean language sql stable security definer set search_path from current as $$
    select exists (select from reader r where r.role = session_user and r.tenant = of_tenant)
$$;

create function readable_stream(of_run bigint) returns boolean language sql stable security definer set search_path from current as $$
    select exists (
        select from stream s join reader r on r.tenant = s.tenant where s.pk = of_run and r.role = session_user)
$$;

alter table stream enable row level security;
alter table journal enable row level security;
alter table runs enable row level security;
alter table approval enable row level security;
-- bytes, counts, facts and the bindings themselves are of no tenant: no reader sees a row of them
alter table blob enable row level security;
alter table scope enable row level security;
alter table reader enable row level security;

create policy of_tenant on stream for select using (readable(tenant));
create policy of_tenant on journal for select using (readable_stream(run));
create policy of_tenant on runs for select using (readable(tenant));
create policy of_tenant on approval for select using (readable_stream(run));

-- Let a role that exists read the rows of one tenant: select let_read('dashboards', 'local').
create function let_read(reading_role name, of_tenant text) returns void language plpgsql as $$
begin
    execute format('grant usage on schema %I to %I', current_schema(), reading_role);
    execute format('grant select on stream, journal, runs, approval to %I', reading_role);
    insert into reader (role, tenant) values (reading_role, of_tenant) on conflict do nothing;
end $$;

-- Take that back.
create function end_read(reading_role name, of_tenant text) returns void language sql as $$
    delete from reader where role = reading_role and tenant = of_tenant
$$;

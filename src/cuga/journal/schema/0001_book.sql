-- The book of events and the tables that are folds of it.
-- Text ids appear once, in `stream`; everything else refers to them by a number.

create table stream (
    pk integer primary key,
    name text not null unique
);

-- One row an append, in the order of commits: decided on the version `expected`, it led to `version`. `id` is the
-- position of its last event. `events` is a JSON array of their stored bytes, `hash` the link of the stream's chain.
create table journal (
    id integer primary key,
    run integer not null,
    expected integer not null,
    version integer not null,
    events blob not null,
    hash blob not null,
    unique (run, expected)
);

-- Content-addressed bytes: large results and snapshots of rules. `digest` is the SHA-256 in hex.
create table blob (
    digest text primary key,
    body blob not null
);

-- What each claimed scope holds.
create table scope (
    name text primary key,
    used integer not null
) without rowid;

-- One row a run, written when its status changes. Times are microseconds since 1970, UTC.
-- `version` is the length its stream had then: a shorter stream has lost its tail.
create table runs (
    run integer primary key,
    status text not null,
    tenant text not null,
    profile text not null,
    goal text not null,
    requester text not null,
    trace_id text not null,
    reason text not null,
    wake_at integer,
    started integer not null,
    updated integer not null,
    version integer not null
);
create index runs_newest on runs (tenant, started);
create index runs_by_status on runs (status, tenant, started);
create index runs_to_wake on runs (wake_at) where status = 'parked' and wake_at is not null;

-- Approvals: open ones with their card, closed ones only as the way to their run.
create table approval (
    id text primary key,
    run integer not null,
    tenant text not null,
    requested integer not null,
    card blob
);
create index approval_open on approval (tenant, requested, id) where card is not null;

-- Facts about the file itself: its epoch (raised by each restore), healed failures, writes that only filled the log.
create table fact (
    name text primary key,
    value integer not null
) without rowid;
insert into fact (name, value) values ('epoch', 1), ('healed', 0), ('filled', 0);

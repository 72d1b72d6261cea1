-- A caller may bring a trace id of its own: doors find its run by it.
create index runs_by_trace on runs (trace_id, tenant, started);

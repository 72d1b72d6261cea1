-- What a connection is set to, and what a file is asked before it is believed to be a journal.

-- name: cache (32 MB)
pragma cache_size = -32000

-- name: temporary
pragma temp_store = memory

-- name: read_only
pragma query_only = on

-- name: application
pragma application_id

-- name: count_tables
select count(*) from sqlite_schema

-- name: make_migration
create table if not exists migration (number integer primary key, name text, digest text)

-- name: migrated
select number, digest from migration

-- name: add_migration
insert into migration values (?, ?, ?)

-- name: write_ahead
pragma journal_mode = wal

-- name: one_file (nothing beside it)
pragma journal_mode = delete

-- name: unsynced
pragma synchronous = off

-- name: no_checkpoints (of its own accord)
pragma wal_autocheckpoint = 0

-- name: fill (any small commit)
update fact set value = value + 1 where name = 'filled'

-- name: full_sync (only macOS knows it: without it a sync there is a wish)
pragma fullfsync = on

-- name: full_sync_of_checkpoints
pragma checkpoint_fullfsync = on

-- name: level
pragma synchronous

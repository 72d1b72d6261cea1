-- Signed words on how far the book has come; see journal/checkpoint.py. `size` counts appends, `position` events, `peaks`
-- are the roots from which the Merkle tree goes on, 32 bytes each.
create table checkpoint (
    size integer primary key,
    position integer not null,
    note blob not null,
    peaks blob not null
);

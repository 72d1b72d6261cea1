-- The inbox reads the most urgent requests first, however many are open. The card is JSON of ours without spaces, in which
-- a quote inside a text is escaped, so its bytes hold these only as its risk. One that nobody knows comes before all.
create index approval_urgent on approval (
    tenant,
    (case when position('"risk":"high"'::bytea in card) > 0 then 1
          when position('"risk":"medium"'::bytea in card) > 0 then 2
          when position('"risk":"low"'::bytea in card) > 0 then 3 else 0 end),
    requested, id
) where card is not null;

-- The inbox reads the most urgent requests first, however many are open. The card is JSON of ours without spaces, in which
-- a quote inside a text is escaped, so its bytes hold these only as its risk. One that nobody knows comes before all.
create index approval_urgent on approval (
    tenant,
    case when instr(card, cast('"risk":"high"' as blob)) then 1
         when instr(card, cast('"risk":"medium"' as blob)) then 2
         when instr(card, cast('"risk":"low"' as blob)) then 3 else 0 end,
    requested, id
) where card is not null;

-- What the invariants needed is not kept: a report needs the memory.
drop table temp.flow;
drop table temp.receipts;
drop table temp.consumers;
drop table temp.outages;
drop table temp.limits;

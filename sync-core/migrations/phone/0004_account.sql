-- Where the person's account on this phone begins: the last number before the last sign-out. However
-- often the phone is enrolled anew after it, what came before does not come back into the account.
alter table identity add column account_from integer not null default 0;
update identity set account_from = first_number - 1 where not exists (
    select 1 from own_session
    where own_session.person = identity.person and own_session.device <> identity.device);

insert into guests values ('ada');

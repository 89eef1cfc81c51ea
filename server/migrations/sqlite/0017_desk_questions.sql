-- Questions of the office about what it has in its review list, and what the workers answer.

-- Who is waited for: 'worker' from a question to its answer; null is the office.
alter table desk_case add column waits_for text;
-- The number of a question (the server's life times 2^40 and the action's id), as its receipt carries
-- it; of an answer the question's. No two questions share one, also after a restore.
alter table desk_case_action add column question integer;
create index desk_case_action_question on desk_case_action (question) where question is not null;

-- What the server has answered for signed work that waits for the last word on each of its commands:
-- JSON, ranges of numbers with what became of them. Null: nothing yet. No content.
alter table hand_over add column told text;

# fieldbook-phone: the terminal's own words. One message a line.

signed-out = Signed out: the phone shows none of your records any more; what was handed over stays sealed on it until the server has it
whoami = { $person } (person { $number }, device { $device }) at { $server }, installation { $installation }
saved = Saved as number { $number } in { $record }; key { $key }
synced = Sent { $pushed }, received { $received } records, refused { $refused }
re-enrol = The server has seen another phone with this one's numbers: enrol again with a new code
watch-offline = No answer; trying again by the schedule
airplane-on = Airplane mode is on: everything is saved, nothing is sent
airplane-off = Airplane mode is off: sync sends what is saved

# lists
list-pending = [{ $count } not accepted yet]
list-left = [no longer yours: read-only]
list-empty = Nothing here
refused = Number { $number } in { $record } was refused: { $why }
refused-none = Nothing was refused
waiting = Number { $number } in { $record } waits at the server: { $why }
lost = Number { $number } in { $record } cannot be read on this phone any more: { $why }
waiting-none = Nothing waits
returned =   { $by } asks: { $text }
returned-answered =   answered: { $text }
returned-open =   not answered yet: inbox answer { $key } TEXT
returned-saved = The answer is saved and goes out with the next sync
outbox-parked = stays on the phone: { $why }
reference-site = Site { $number }: { $name }
reference-role = Role { $role } at site { $site } since { $from } UTC
reference-person = Person { $number }: { $name }

# one record
show-conflict = either { $value } ({ $by }, { $at })
show-deadlines = Deadlines
show-visits = Visits
show-cases = Cases
show-case-open = open: { $case }
show-case-closed = closed: { $case }
show-timeline = Step by step
show-said-at = (stated afterwards for { $at })
show-on-behalf-of = (for { $person })
show-server = server

# outbox
outbox-command = number { $number }  { $what }  saved { $age } s ago
outbox-empty = Everything has left this phone
outbox-handed-over = Written to { $file }, sealed; all of it is still on this phone. Tell the office this code apart from the file: { $code }
outbox-exported = { $count } commands written to { $file }, in the clear; all of them are still on this phone too

# demo
demo-note = The customer asks for a call before the visit.
demo-finding = A lamp is out and its cover hangs loose.
demo-nothing = The list is empty: nothing to work on.
demo-changed = Look at the office page: it shows the work just done here.

# salvage
salvage-none = Nothing is wrong with the store: nothing was done
salvaged = Salvaged: { $count } commands are there and are sent with the next sync; { $rows } other rows do not read. The damaged file is kept as { $file }
salvage-lost = Number { $number } in { $record } could not be read
salvage-re-enrol = The last number was not found: enrol again with a new code before you write on
account-lost = Numbers that cannot be read on this phone any more: { $numbers }

# signing
signing-none = No signing has begun
signing-strokes = { $count } strokes so far
signing-changed = The text has changed: show it again, what was drawn under the former one is gone

# failures
error-bad-input = Not understood: { $reason }
error-file = { $what }: { $why }
error-file-exists = { $what } is not an export of an outbox and is left as it is
error-unsent-work = { $count } commands are not sent: sync first, or sign out with --hand-over so that the next person hands them in
error-not-enrolled = Nobody is enrolled in this profile: enrol with a code from the office
error-airplane = Airplane mode is on: nothing was sent
error-unknown-record = No record on this phone begins with { $record }
error-ambiguous-record = { $count } records begin with { $record }: write more of it
error-no-open-visit = You have no open visit in this record: set_out first, or name one by --visit
error-offline = No answer from the server; everything is saved ({ $reason })
error-retry-later = The server asks for patience: again in { $seconds } s
error-update-app = This program is too old for the server or the store: update it ({ $reason })
error-unexpected = That was no Fieldbook server, or another one ({ $reason })
error-too-large = Too large: { $what } exceeds { $limit }
error-disk-full = The disk is full: nothing was saved
error-store-in-use = Another program has this profile open
error-wrong-key = The key is not this store's
error-salvage = fieldbook-phone salvage brings what reads into a new store and keeps the file
error-closed = The phone was closed

# rounds, alarms, inbox
round-visited = [x]
round-skipped = [skipped]
round-missed = [missed]
round-open = [ ]
finding-open = Found at { $place }: { $what }
finding-settled = Settled at { $place }: { $what }
alarm-sent = The alarm has reached the server
alarm-radio = The alarm is saved and NOT SENT YET: tell security by radio now
inbox-new = new
inbox-read = read
inbox-done = done

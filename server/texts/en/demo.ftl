# the demo
demo-begin = Demo: { $site }, { $buildings } buildings, { $units } units, { $people } staff. All names and numbers are invented, time follows a script.
demo-folder = The server is at { $url }, its data in a temporary folder. A line begins with the script's time; after "=" stands what the server holds then.
demo-comma = {", "}
demo-none = none
demo-stands = { $kind }: { $status }
demo-deadline = ; { $deadline }: { $state }
demo-case = ; to be looked at: { $case }
demo-kind-work-order = Work order
demo-kind-contact = Contact
demo-kind-patrol-plan = Patrol plan
demo-kind-patrol-round = Patrol round
demo-kind-alarm = Alarm

# the days before
demo-scene-eve = The two days before
demo-complaint = On Monday { $person }, the assistant, takes a complaint of { $unit }, finds out why and judges it valid, minor: { $title }
demo-phone = { $person } (device { $device })
demo-enrolled = On Tuesday { $count } phones enrol by one-time codes: { $phones }
demo-eve = On Tuesday evening the owner is away and has left the key; { $person } goes in: { $title }. { $reason }; the key stays with him.

# hand-overs
demo-scene-morning = The night hands over
demo-handed-over = { $person } hands over ({ $shift }): { $matters } open matters, { $keys } keys out, { $radios } radios; drawer { $opening }, taken { $takings }, counted { $counted }, difference { $difference }.
demo-not-oneself = { $person } tries to take over from himself: a rule refuses it, nothing is written.
demo-taken-over = { $person } takes over and says what differs: { $differences }
demo-taken-over-equal = { $person } takes over; nothing differs.
demo-case-closed = { $person }, the supervisor, settles the case: { $reason }
demo-key-returned = { $person } returns the key; { $left } keys are out.
demo-scene-evening = The day hands over

# plans
demo-scene-plans = Roster and plans
demo-roster = { $person } imports the day's roster from a sheet: { $added } shifts.
demo-planned = { $person } plans the day's patrol for { $officer }: two rounds of the stairwells, one of vacant homes.
demo-task-done = { $person } makes next month's plan; the server ends the periodic task "{ $task }" by that.

# a call
demo-scene-call = A call
demo-call = { $unit } calls; { $person } takes it down, reads it back, says that the price is quoted on site, passes it to engineering: { $title }
demo-order = { $person } opens and dispatches an order: { $title } ({ $unit }).

# the patrol
demo-scene-patrol = A patrol without signal
demo-walked = { $person } walks a round without signal, then syncs: { $coverage }.
demo-found = The finding has opened a public repair order on arrival, { $person } gives it to { $worker }: { $title }
demo-dissuaded = { $person } talks to them: "{ $text }". They take no notice; that is all he may do.

# a home without signal
demo-scene-visit = A home without signal
demo-downloaded = { $person }'s phone receives { $count } records while it has signal.
demo-signal-lost = { $person } is in the basement without signal. All of the following is written on the phone.
demo-died = While writing number { $number } the phone's process is killed in the middle of the write ...
demo-reopened = ... reopened: { $saved } saved, none is missing; the one that was not finished is not there, so it is written again.
demo-meanwhile = Meanwhile the desk moves the appointment to { $hour } and gives the order to { $person }.
demo-patched = A patched phone also writes what only the general manager may: a price's approval.
demo-statement = The customer reads this, then signs:
demo-synced = Signal again, one sync: { $pushed } commands out, { $received } records in, { $refused } refused.

# a conflict
demo-scene-conflict = Two appointments, written apart
demo-side = { $person } wrote { $value }
demo-resolved = { $person } decides for { $value }: { $reason }

# the ladder of a complaint
demo-scene-ladder = A complaint nobody solved in two days
demo-escalated = Its two days were over at { $due }; with nobody looking the server has passed it up: { $step }.
demo-plan-accepted = { $person }, the supervisor, tells the customer a plan, who accepts it: { $plan }
demo-carried-out = { $person } carries it out: { $text }
demo-scene-solved = The complaint is solved, and followed up
demo-complaint-closed = { $person } tells how it stands, the customer is satisfied, it is closed: { $text }
demo-visited = Closing has opened a follow-up; { $person } visits the customer: "{ $text }".

# an outage
demo-scene-outage = A water cut, its notice, three callers
demo-notice = { $person } publishes a repair notice: { $effects }
demo-attached = { $person } takes { $count } calls and attaches each to the notice.
demo-on-behalf = { $worker } has no phone: { $person } enters { $count } steps for him from the paper, each with the time it happened.
demo-notice-ended = { $person } ends the notice: { $text }
demo-called-back = The server has written into { $told } callers' records that it is over; { $person } calls each back: { $back }.
demo-follow-up = { $person } follows up: "{ $text }".

# a violation
demo-scene-violation = A violation
demo-registered = { $person } registers and assesses it: { $why }; which makes it: { $severity }.
demo-decided = { $person }, the supervisor, decides: { $measure } ({ $date }).
demo-not-signed = { $person } tries to carry it out first: a decision that is not signed is not in effect, refused.
demo-countersigned = { $person }, the project manager, signs: the decision is in effect.
demo-rectified = { $person } brings the notice, looks again, it is put right and closed: { $text }

# a paid service
demo-scene-paid = A paid service
demo-priced = { $person } prices { $item } at { $amount } per { $measure }; { $manager } approves.
demo-paid = { $unit } calls; { $person } takes down: { $title }, tells the price { $told }, tells cleaning, assigns { $worker }.
demo-cleaned = { $person } goes in; the customer agrees to the quote, accepts the work, pays in cash and signs.
demo-money = Charged { $charged }, handed in { $handed }; { $person } invoices { $invoiced } and has it delivered.
demo-quality = { $person }, the supervisor, checks quality and satisfaction.

# vacant homes
demo-scene-vacant = Vacant homes
demo-settled = { $person } settles it on the spot: { $text }

# an alarm
demo-scene-alarm = An alarm
demo-alarm = { $person } smells gas ({ $place }): the alarm is sent before everything else.
demo-alerted = { $person } was told at { $at }.
demo-alarm-settled = { $person } takes it on and settles it: { $text }

# the evening
demo-unsent = One last command stays on a phone on purpose.
demo-day-closed = { $person } has the technician's money ({ $amount }), takes the finished order back and closes what is settled.

# the order at the end
demo-timeline = The order, step by step ({ $status })
demo-waits = Waits and times
demo-deviations = Deviations from the procedure
demo-signature = The customer's signature
demo-cases = Cases for the office
demo-heads = The server's { $records } records, rebuilt by Automerge, have the stored heads; { $person }'s phone reviews the order exactly as the server does.

# the account
demo-scene-sum = The day's account
demo-refused = Number { $number } refused: { $why }
demo-records = { $records } records: { $kinds }
demo-facts = { $facts } facts: { $people } by people, { $server } by the server's rules
demo-open-cases = { $open } open cases: { $cases }
demo-desk-case = For the office to rule on ({ $kind }): { $count }
demo-commands = Commands: { $office } in the office + { $phones } on phones = { $there } in their records + { $refused } refused + { $unsent } still on a phone; { $lost } lost

# going on
demo-sign-in = To sign in to the office interface: user { $login }, password { $password }
demo-end = Ctrl-C ends the demo and removes its data.
demo-link = Be the front desk ({ $person }) in a browser, good once:
demo-terminal = Be officer { $person } in a second terminal; the page will change by itself:

# roles
role-front-desk = Front desk
role-assistant = Customer-service assistant
role-supervisor = Supervisor
role-project-manager = Project manager
role-general-manager = General manager
role-operations-manager = Operations manager
role-cleaning-manager = Cleaning manager
role-quality = Quality
role-engineering-lead = Engineering lead
role-technician = Technician
role-service-worker = Service worker
role-patrol-officer = Patrol officer
role-security = Security
role-duty-operator = Night operator
role-admin = Administrator

# statuses
status-opened = Opened
status-dispatched = Dispatched
status-received = Signed for
status-declined = Declined
status-on-the-way = On the way
status-at-the-door = At the door
status-working = Working
status-paused = Paused
status-no-answer = No answer
status-unfinished = Unfinished
status-waiting-for-parts = Waiting for parts
status-out-of-scope = Out of scope
status-cancelled = Cancelled
status-finished = Finished
status-returned = Returned
status-closed = Closed
status-kept = Kept

# deadlines
deadline-filled = Order filled
deadline-told = Engineering told
deadline-on-site = On site
deadline-done = Repair done
deadline-call-back = Customer called back
deadline-state-met = in time
deadline-state-running = running
deadline-state-breached = late
deadline-state-unknown = unknown
deadline-state-excused = excused

# waits
wait-ring-pause = Between the rings
wait-knock-pause = Before the third knock
wait-no-answer-wait = Wait at the door
wait-work = Work
wait-pause = Pause

# deviations
deviation-cause-not-explained = Cause and care were not explained before leaving
deviation-entered-unannounced = Entered without ringing or knocking
deviation-explained-incompletely = The explanation was incomplete
deviation-finished-without-start = Finished without a recorded start
deviation-key-not-received = Entered with a key that was not signed out
deviation-key-not-returned = The key was not returned
deviation-knock-too-soon = Too short a pause before the third knock
deviation-knocked-too-few = Left after fewer than three knocks
deviation-left-early = Left before the full wait was over
deviation-left-unannounced = Left the door without telling the desk
deviation-left-untidied = Left midway without tidying
deviation-left-without-being-asked = Left midway though the customer had not asked
deviation-left-without-farewell = No farewell was recorded
deviation-no-shoe-covers = No shoe covers
deviation-not-explained-to-customer = The customer was not told why it could not be finished
deviation-not-introduced = Entered without an introduction
deviation-not-prepared = No preparation was recorded
deviation-not-signed = No signature, refusal or absence was recorded
deviation-not-tidied = The place was not tidied
deviation-not-trained = The person was not trained for this work
deviation-out-of-order = A step out of order
deviation-prepared-incompletely = The preparation was incomplete
deviation-rang-too-few = Left without ringing again
deviation-ring-too-soon = Too short a pause between the rings
deviation-scope-not-confirmed = The scope was not confirmed
deviation-tidied-incompletely = The place was tidied incompletely
deviation-valuables-not-reminded = No reminder to put valuables away
deviation-worked-without-quote = Worked without an accepted quote

# cases
case-changed-after-signature = What the customer signed was changed afterwards
case-clock-unverified = The phone's clock was never compared with the server's
case-done-after-reassignment = The work was done by someone it had been taken from
case-field-conflict = One field has two values: somebody has to choose
case-finished-though-cancelled = The order was cancelled and yet finished
case-money-not-equal = Amounts differ
case-money-not-handed-in = Money was not handed in by the end of the day
case-step-deviation = The visit deviates from the procedure
case-two-peoples-visits = Two people's visits to one order overlap or both finish

# denials
denial-record-not-here = The record is not here
denial-record-left = The record is no longer yours: it is read-only
denial-not-your-role = Your role may not do this
denial-wrong-kind = This does not belong to this kind of record
denial-text-too-long = Too long: at most { $limit } characters
denial-text-empty = Please write something
denial-out-of-range = Out of range
denial-bad-time = Not a valid time
denial-replaces-several = One value at a time
denial-field-in-conflict = This field has two values: choose one first
denial-unknown-field = No such field
denial-not-in-conflict = There is no conflict to resolve
denial-no-such-fact = The record has no such step
denial-not-a-drawing = That is not a signature: please sign again
denial-statement-differs = The content changed: show it to the customer again
denial-record-full = The record is full

# refusals beside the rules' own
refusal-rests-on-refused = What it stands on was refused
refusal-edited-old-fact = An old step was edited
refusal-wrong-record-id = The record's id does not fit its cause

# receipts
outcome-entered = entered
outcome-rewritten = entered, rewritten by the server
outcome-held = held
outcome-refused = refused
outcome-not-stored = not stored, still on the phone

# account
account-closes-held = { $person }: saved { $saved } = accepted { $accepted } + held { $held } + refused { $refused } + still on the phone { $on_phone }
account-closes = { $person }: saved { $saved } = accepted { $accepted } + refused { $refused } + still on the phone { $on_phone }

# fields
field-assignee = Assignee
field-appointment = Appointment
field-priority = Priority
field-description = Description
field-unit = Unit
field-place = Place
field-contact = Contact
field-category = Category
field-chargeable-fen = Chargeable amount
field-reported-at-ms = Reported at
field-name = Name
field-phones = Phones
field-relation = Relation
field-salt = Salt

# ratings
rating-quality = Quality
rating-attitude = Attitude
rating-conduct = Conduct

# verification
verification-valid = signature valid
verification-altered = altered: { $what }
verification-missing = missing: { $what }
verification-untrusted = the key is not trusted

# facts
fact-created = Opened
fact-set = Written
fact-resolve = Decided
fact-note = Note
fact-case-closed = Case closed
fact-dispatched = Dispatched
fact-told = Engineering told
fact-received = Signed for
fact-declined = Declined
fact-cancelled = Cancelled
fact-returned = Returned
fact-closed = Closed
fact-waiting-for-parts = Waiting for parts
fact-out-of-scope = Out of scope
fact-set-out = Set out
prompt-set-out = Set out with tools, materials and the order.
fact-prepare = Prepared
prompt-prepare = Check appearance, tools and materials; read the instructions.
fact-ring = Rang
prompt-ring = Ring once; if nobody comes, ring again after five seconds.
fact-knock = Knocked
prompt-knock = No bell: knock twice, wait a second, knock once more.
fact-no-answer = No answer
prompt-no-answer = After three full minutes call the desk for another appointment.
fact-no-answer-confirmed = Confirmed by the desk
fact-introduce = Introduced
prompt-introduce = Say company, name and purpose.
fact-enter = Entered
prompt-enter = Enter when the customer says so.
fact-shoe-covers = Shoe covers on
prompt-shoe-covers = Put shoe covers on.
fact-entered-with-key = Entered with a key
prompt-entered-with-key = Knock first; only when nobody is in, use the key.
fact-key-received = Key received
fact-key-returned = Key returned
fact-scope-confirmed = Scope confirmed
prompt-scope-confirmed = Go through the work with the customer.
fact-valuables-reminded = Reminded of valuables
prompt-valuables-reminded = Ask the customer to put valuables away.
fact-start-work = Work started
prompt-start-work = Work gently; harm nothing.
fact-paused = Paused
fact-resumed = Resumed
fact-finish-work = Work finished
fact-material = Material
fact-material-removed = Material removed
fact-photo = Photo
fact-advice = Advice
fact-unable-to-finish = Unable to finish
prompt-unable-to-finish = Explain why and agree on the next time.
fact-left-midway = Left midway
fact-tidy = Tidied
prompt-tidy = Wipe the equipment, clean the floor, count the tools.
fact-explain = Explained
prompt-explain = Explain cause, care and correct use.
fact-quoted = Quoted
prompt-quoted = Name the price before the work.
fact-quote-accepted = Quote accepted
fact-quote-declined = Quote declined
fact-charged = Charged
prompt-charged = Charge what was quoted.
fact-handed-in = Handed in
fact-invoiced = Invoiced
fact-invoice-delivered = Invoice delivered
fact-refunded = Refunded
fact-signed = Signed
prompt-signed = Ask for the ratings and the signature.
fact-sign-refused = Signature refused
fact-sign-absent = Nobody to sign
fact-farewell = Farewell
prompt-farewell = Say goodbye and leave quietly.
fact-helper-joined = Helper joined
fact-called-back = Called back

# problems
problem-malformed = The request is malformed
problem-too-large = Too large
problem-not-signed-in = Please sign in
problem-token-expired = The token is over
problem-device-revoked = The device was revoked
problem-account-disabled = The account is disabled
problem-wrong-password = Name or password is wrong
problem-wrong-code = The code is wrong, used or expired
problem-forbidden = Not allowed
problem-denied = A rule says no
problem-not-found = Not found
problem-method-not-allowed = Method not allowed
problem-idempotency-conflict = The same idempotency key came with another body
problem-idempotency-key-missing = The Idempotency-Key header is missing
problem-cross-site = The request came from another site
problem-version-not-spoken = Please update the app
problem-wrong-device = Another device
problem-unknown-session = The session is not registered
problem-cursor-from-elsewhere = The cursor is from another server's life
problem-too-many-requests = Too many requests
problem-already-exists = Already exists
problem-sheet-refused = The sheet has problems; nothing was imported
problem-swap-refused = This swap of shifts cannot be
problem-unavailable = Not available at present
problem-internal = The server failed

# the duty roster
duty-security = Security
duty-duty-operator = Operator on duty
duty-patrol = Patrol
duty-desk = Desk
duty-engineering = Engineering
sheet-too-large = The file is larger than 10 MB
sheet-unpacked-too-large = The file unpacks to more than 200 MB
sheet-too-many-rows = More than 100,000 rows
sheet-not-a-sheet = Neither a readable .xlsx workbook nor CSV text
sheet-old-workbook = An old .xls workbook: save it as .xlsx
sheet-not-utf8 = The text is not UTF-8: save it as CSV UTF-8
sheet-empty = The sheet is empty
sheet-column-missing = The column is missing
sheet-column-twice = The column stands twice
sheet-missing = Nothing is written here
sheet-bad-date = Not a date
sheet-unknown-duty = No such duty
sheet-bad-time = Not a time of day
sheet-no-time-left = Clocks are put forward: nothing is left of the shift
sheet-bad-rank = A rank is a whole number from 1 to 999
sheet-bad-person = Neither a number nor a name
sheet-person-unknown = Nobody of the site
sheet-person-ambiguous = Several have this name: write the number
sheet-person-disabled = The person's account is disabled
sheet-role-missing = The person lacks the role for this duty at that time
sheet-overlap = The person is on the same duty twice at that time
swap-not-yours = Only those concerned or a supervisor may do this
swap-same-person = Both sides are the same person
swap-shift-begun = The shift has begun
swap-shift-gone = The shift has changed meanwhile
swap-person-disabled = The account of one of them is disabled
swap-role-missing = Who would take the shift lacks the role for it
swap-overlap = Who would take the shift has another one at that time
swap-not-another-supervisor = A supervisor or project manager other than those concerned decides
swap-closed = The swap is decided already

# the demo
demo-begin = Demo: { $site }, { $buildings } buildings, { $units } units, { $people } staff. All names and numbers are invented, time follows a script.
demo-folder = The server is at { $url }, its data in a temporary folder.
demo-enrolled = { $person }'s phone enrolled by a one-time code (device { $device }).
demo-order = { $person } at the desk opens and dispatches an order: { $title } ({ $unit }).
demo-downloaded = { $person }'s phone receives { $count } records while it has signal.
demo-signal-lost = { $person } is in the basement without signal. All of the following is written on the phone.
demo-died = While writing number { $number } the phone's process is killed in the middle of the write ...
demo-reopened = ... reopened: { $saved } saved, none is missing; the one that was not finished is not there, so it is written again.
demo-meanwhile = Meanwhile the desk moves the appointment to { $hour } and gives the order to { $person }.
demo-patched = A patched phone also writes what only the general manager may: a price's approval.
demo-statement = The customer reads this, then signs:
demo-synced = Signal again, one sync: { $pushed } commands out, { $received } records in, { $refused } refused.
demo-unsent = One last command stays on the phone on purpose.
demo-accounts = The account
demo-refused = Number { $number } refused: { $why }
demo-timeline = The order, step by step ({ $status })
demo-waits = Waits and times
demo-deviations = Deviations from the procedure
demo-none = none
demo-signature = The customer's signature
demo-cases = Cases for the office
demo-heads = The server's { $records } records, rebuilt by Automerge, have the stored heads; { $person }'s phone reviews the order exactly as the server does.
demo-sign-in = To sign in to the office interface: user { $login }, password { $password }
demo-end = Ctrl-C ends the demo and removes its data.
demo-unverified = (clock unverified)
demo-seconds = { $seconds } s
demo-unknown = unknown

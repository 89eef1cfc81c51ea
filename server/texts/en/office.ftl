# the office's pages
office-brand = Fieldbook · Office
office-navigation = Pages
office-skip = Skip to the content
office-today = Today
office-phones = Phones
office-sites = Sites
office-sign-in = Sign in
office-sign-out = Sign out
office-login = User name
office-password = Password
office-sign-in-by-password = Sign in by password
office-sign-in-elsewhere = Your session has ended. Sign in in a new window, then go back: what you typed is still there.
office-link-good = This link signs in once.
office-link-over = The sign-in link was used or has expired
office-link-unknown = There is no such sign-in link
office-link-again = Ask an administrator for another one.
office-back-to-today = Back to today
office-news = There is something new
office-reload = Reload
office-more = More
office-earlier = Earlier
office-latest = Latest
office-none = None
office-unknown = unknown
office-unknown-code = unknown ({ $code })
office-seconds = { $seconds } s
office-minutes = { $minutes } min { $seconds } s

# today
office-waiting = Orders waiting for a decision
office-orders = Orders under way and today's
office-desk-cases = Phone records waiting for a decision
office-open-cases = { $count } open
office-deviations = { $count } deviating
office-column-order = Order
office-column-unit = Unit
office-column-status = Status
office-column-assignee = Technician
office-column-appointment = Appointment
office-column-changed = Changed
office-priority-urgent = Urgent
office-priority-appointed = Appointed
office-category-household = Household
office-category-public = Public facility

# an order
office-fields = The order
office-record = Record
office-limits = Time limits
office-timeline = Timeline
office-money = Money
office-unanswered = Not answered yet
office-in-conflict = Two values
office-from-office = office
office-from-phone = phone
office-server = server
office-unverified = clock unverified
office-said-at = Entered afterwards, happened { $time }
office-on-behalf = Entered for { $person }
office-deviation = Deviation
office-fact-price-item-approved = A price was approved
office-paid-cash = cash
office-paid-qr-code = QR code
office-paid-transfer = transfer
office-via-radio = radio
office-via-phone = phone
office-photo-before = before the work
office-photo-after = after the work
office-photo-other = other

# what can be done
office-actions = Actions
office-action-dispatch = Dispatch
office-action-told = Engineering was told
office-action-close = Close the order
office-action-cancel = Cancel the order
office-action-assign = Assign
office-action-note = Add the note
office-reason = Reason

# cases
office-cases = Waiting for a decision
office-left-out = { $count } more are shown when these are done
office-reason-conflict = Checked with customer and technician
office-reason-close = Checked
office-seen-changed = What you saw has changed meanwhile: look again, then decide
office-close-case = Close the case
office-amount-charged = Charged
office-amount-other = The other amount
office-desk-case-refused = A phone's record was refused
office-desk-case-held = A phone's record cannot be entered yet
office-desk-case-number-gap = Records of a phone never came
office-desk-case-clone = Two different records came under one number
office-numbers = number { $numbers }
office-to-order = See the order
office-decision-accept-after-all = Accept after all
office-decision-discard = Discard
office-decision-dismiss = Nothing to do
office-why-missing-dependency = What it stands on has not come yet
office-why-undecided = The server could not decide
office-why-numbers-missing = Numbers are missing
office-why-unreadable = It cannot be read

# signatures
office-drawing = The customer's drawn signature
office-no-drawing = The drawing is gone
office-signed-content = signed content { $hash }
office-signature-valid = Valid: the content is what the customer signed
office-signature-altered = Altered since it was signed: { $what }
office-signature-missing = Cannot be checked, missing: { $what }
office-signature-untrusted = Cannot be checked: the signing device has no trusted certificate
office-part-signature = the device's signature
office-part-content = the signed content
office-part-text = the text shown
office-part-strokes = the drawing
office-part-shown = a step that was shown
office-part-signed = the signature
office-part-fact = the record

# phones
office-account-rule = Saved = accepted + held + refused + still on the phone, as of the phone's last report.
office-column-person = Person
office-column-phone = Phone
office-column-saved = Saved
office-column-accepted = Accepted
office-column-held = Held
office-column-refused = Refused
office-column-on-phone = On the phone
office-column-contact = Last contact
office-revoked = Revoked
office-never = never

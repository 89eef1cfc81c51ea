# follow-ups
fact-reached = Customer asked
fact-not-reached = Nobody reached
fact-follow-up-closed = Follow-up closed
status-not-reached = Nobody reached, to be tried again
status-reached = Customer asked
follow-up-after-completion = After completion
follow-up-low-rating = Low rating
follow-up-complaint = After a complaint
follow-up-outage = After an outage
case-customer-not-satisfied = The customer is not satisfied
deadline-follow-up = Customer asked
field-of = About
field-follow-up = Reason
field-completed-at-ms = Completed at
kind-follow-up = Follow-up

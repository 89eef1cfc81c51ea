# prices, paid services, money, hand-overs
fact-priced = Priced
fact-price-approved = Price approved
fact-price-rejected = Price not approved
fact-price-item-ended = Item ended
fact-notified = Department told
fact-quality-checked = Quality checked
fact-acceptance = Accepted by the customer
fact-key-used = Key used
fact-matter-listed = Matter handed over
fact-keys-listed = Keys listed
fact-radios-listed = Radios listed
fact-cash-counted = Cash counted
fact-handed-over = Handed over
fact-taken-over = Taken over

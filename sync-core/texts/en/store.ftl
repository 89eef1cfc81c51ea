# The store on a phone: what is said when it does not open or does not write

store-store-in-use = Another program has this store open
store-key-unavailable = No key was given: unlock the phone, then open again; nothing was changed
store-wrong-key = The key is not this store's; nothing was changed
store-not-a-store = This is no store of Fieldbook and was left alone
store-truncated = The store's file is cut short: it has to be salvaged; the file is kept
store-header-damaged = The beginning of the store's file is damaged: it has to be salvaged; the file is kept
store-log-damaged = The store's log is damaged in its middle: it has to be salvaged; the file is kept
store-pages-damaged = The store's file is damaged inside: it has to be salvaged; the file is kept
store-row-damaged = One row of the store does not read; the others are sound
store-store-newer = A newer version wrote this store: update the app; nothing was changed
store-disk-full = No space left: this step was not saved, what was there is intact; free some and do it again
store-number-too-large = A number is too large for the store; nothing was saved
store-not-durable = This place cannot keep what is saved: use another
store-stopped = Saving was interrupted; what was not saved does not count
store-files = The store's files cannot be used
store-database = The store did not write; what was there is intact

# Steps that do not read
lost-row-damaged = Its row is damaged and does not read
lost-row-missing = The place where it stood is damaged

//! People, places, devices and sign-in.

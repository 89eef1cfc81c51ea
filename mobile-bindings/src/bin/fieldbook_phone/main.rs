//! A phone in the terminal: the reference client over the phone object, and the support tool.

fn main() {}

//! The office's pages in a real browser.

//! The office's pages in a real browser: Debian's Chromium, its own driver, a real server, real
//! phones. Only what needs a browser to fail stands here.

mod access;
mod account;
mod browser;
mod cable;
mod conflict;
mod live;
mod patrol;
#[expect(dead_code, reason = "of the phones of the end-to-end tests only a part is needed")]
#[path = "../end_to_end/phone.rs"]
mod phone;
mod round;
mod scene;
mod screens;
#[expect(dead_code, reason = "of the stage of the end-to-end tests only a part is needed")]
#[path = "../end_to_end/stage.rs"]
mod stage;
mod words;

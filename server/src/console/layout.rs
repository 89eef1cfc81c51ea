//! The frame of every page: head, navigation, the live part, and the page of a failure.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest as _, Sha256};
use sync_core::protocol::problem::ProblemCode;
use sync_core::texts::Language;

use super::assets::{SCRIPT, STYLE};
use super::desk::Desk;
use super::words::Words;
use super::{HOME, HTML, SIGN_IN, status_of};

/// What stands around a page's content.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The title.
    pub title: &'a str,
    /// Where the page is read again.
    pub url: &'a str,
    /// The status of the answer.
    pub status: StatusCode,
}

/// A page of somebody signed in, read again when something happens.
pub fn page(desk: &Desk, frame: Frame<'_>, content: &Markup) -> Response {
    let words = desk.words;
    let head = html! {
        header.top {
            a.brand href=(HOME) { (words.say("office-brand")) }
            nav aria-label=(words.say("office-navigation")) {
                @let pages = [
                    (HOME, "office-today"),
                    (super::inbox::URL, "office-inbox"),
                    (super::records::URL, "office-records"),
                    (super::cash::URL, "office-cash"),
                    (super::account::URL, "office-account"),
                    ("/office/phones", "office-phones"),
                ];
                @for (url, id) in pages {
                    a href=(url) aria-current=[(frame.url == url).then_some("page")] {
                        (words.say(id))
                    }
                }
            }
            div.who {
                (languages(words, frame.url))
                span { (desk.name) }
                form method="post" action="/office/sign-out" {
                    (desk.guard())
                    button.plain type="submit" { (words.say("office-sign-out")) }
                }
            }
        }
        div #news role="status" hidden {
            span { (words.say("office-news")) }
            button type="button" { (words.say("office-reload")) }
        }
    };
    let main = html! {
        main #live data-version=(version(desk, content)) data-url=(frame.url) { (content) }
    };
    answer(words, frame, &html! { (head) (main) })
}

/// A page for someone who is not signed in.
pub fn plain_page(words: Words, frame: Frame<'_>, content: &Markup) -> Response {
    let body = html! {
        header.top {
            a.brand href=(HOME) { (words.say("office-brand")) }
            div.who { (languages(words, frame.url)) }
        }
        main.narrow { (content) }
    };
    answer(words, frame, &body)
}

/// What tells two readings of a page apart: its content without what is new every time.
fn version(desk: &Desk, content: &Markup) -> String {
    let same = content.0.replace(&desk.key, "").replace(&desk.user.session.csrf, "");
    HEXLOWER.encode(&Sha256::digest(same.as_bytes())[..8])
}

fn languages(words: Words, url: &str) -> Markup {
    let joint = if url.contains('?') { '&' } else { '?' };
    html! {
        @for (language, name) in [(Language::ZhCn, "中文"), (Language::En, "English")] {
            @if words.0 != language {
                a.language href={ (url) (joint) "lang=" (language.tag()) } lang=(language.tag()) {
                    (name)
                }
            }
        }
    }
}

fn answer(words: Words, frame: Frame<'_>, body: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang=(words.0.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (frame.title) " · " (words.say("office-brand")) }
                link rel="stylesheet" href=(STYLE.url());
                link rel="icon" href="data:,";
                script src=(SCRIPT.url()) defer {}
            }
            body {
                a.skip href="#content" { (words.say("office-skip")) }
                (body)
            }
        }
    };
    let kind = [(header::CONTENT_TYPE, HTML)];
    (frame.status, kind, document.into_string()).into_response()
}

/// What went wrong, in words: a denial says which rule.
pub fn reason(words: Words, code: ProblemCode, params: &BTreeMap<String, String>) -> String {
    let values: Vec<(&str, &str)> =
        params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if code == ProblemCode::IdempotencyConflict {
        // Another button with the same form's key, or other values than those that were seen.
        return words.say("office-seen-changed");
    }
    let why = params.get("why").filter(|_| code == ProblemCode::DecisionRefused);
    if let Some(why) = why.filter(|why| words.knows("office-refused-decision", why)) {
        return words.code_with("office-refused-decision", why, &values);
    }
    if let (ProblemCode::CaseClosed, Some(decision), Some(_)) =
        (code, params.get("decision"), params.get("by"))
    {
        let decision = words.code("office-decision", decision);
        let mut values = values;
        values.retain(|(name, _)| *name != "decision");
        values.push(("decision", &decision));
        return words.with("office-case-closed-by", &values);
    }
    match params.get("denial") {
        Some(denial) => words.code_with("denial", denial, &values),
        None => words.code_with("problem", code.code(), &values),
    }
}

/// The page of a failure.
pub fn failed(words: Words, code: ProblemCode, params: &BTreeMap<String, String>) -> Response {
    let status = status_of(code);
    let title = reason(words, code, params);
    let content = html! {
        h1 #content { (title) }
        @if code == ProblemCode::NotSignedIn {
            p { (words.say("office-sign-in-elsewhere")) }
            p { a href=(SIGN_IN) target="_blank" rel="noopener" { (words.say("office-sign-in")) } }
        } @else {
            p { a href=(HOME) { (words.say("office-back-to-today")) } }
        }
    };
    plain_page(words, Frame { title: &title, url: HOME, status }, &content)
}

/// A word with a mark: its meaning is in the word, the colour only helps.
pub fn badge(kind: &str, text: &str) -> Markup {
    html! { span.badge.(kind) { (text) } }
}

//! What apps ask for to open a reception, to give it away and to write its steps.

use super::form::{Asks, Form, Input};
use super::reception::{CHANNELS, MATTERS};

const TEXT: Input = Input::required("text", Asks::Note);
const REASON: Input = Input::required("reason", Asks::Reason);
const OF_PASSING: Input = Input::required("passing", Asks::Fact("passed_on"));
const OF_ATTACHMENT: Input = Input::required("attachment", Asks::Fact("attached_to"));

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("channel", Asks::Choice("channel", CHANNELS)),
        Input::required("matter", Asks::Choice("matter", MATTERS)),
        Input::required("description", Asks::Description),
        Input::optional("unit", Asks::Name),
        Input::optional("group", Asks::GROUP_OF_BUILDINGS),
        Input::optional("contact", Asks::Record),
        Input::required("by_caller_id", Asks::Flag),
        Input::optional("received_at_ms", Asks::MomentMs),
    ]),
    Form::field("owner", &[Input::required("person", Asks::Person), REASON]),
    Form::fact("read_back", &[]),
    Form::fact("reception_answered", &[TEXT]),
    Form::fact(
        "reply_promised",
        &[Input::required("by_ms", Asks::MomentMs), Input::optional("text", Asks::Note)],
    ),
    Form::fact("replied", &[Input::optional("promise", Asks::Fact("reply_promised")), TEXT]),
    Form::fact(
        "passed_on",
        &[
            Input::required(
                "passed_to",
                Asks::Either(&[
                    Input::optional("department", Asks::Department),
                    Input::optional("person", Asks::Person),
                ]),
            ),
            TEXT,
        ],
    ),
    Form::fact("took_over", &[OF_PASSING]),
    Form::fact("message_received", &[OF_PASSING]),
    Form::fact("declined_with_consent", &[REASON]),
    Form::fact("put_through", &[Input::required("to", Asks::Name).called("put_through_to")]),
    Form::fact(
        "price_told",
        &[
            Input::required("price", Asks::Choice("price", &["amount", "on_site"])),
            Input::optional("amount_fen", Asks::Fen),
        ],
    ),
    Form::fact("appointed", &[Input::required("at_ms", Asks::MomentMs)]),
    Form::fact("to_desk", &[TEXT]),
    Form::fact("attached_to", &[Input::required("record", Asks::Record)]),
    Form::fact("detached_from", &[OF_ATTACHMENT, REASON]),
    Form::fact("outage_called_back", &[OF_ATTACHMENT, TEXT]),
    Form::fact("reception_closed", &[TEXT]),
    Form::fact("reception_reopened", &[TEXT]),
];

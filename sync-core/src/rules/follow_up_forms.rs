//! What apps ask for to open a follow-up and to write what the customer said.

use super::form::{Asks, Form, Input};

const TEXT: Input = Input::required("text", Asks::Note);
const RATING: Asks = Asks::Whole(1, 5);
const REASONS: &[&str] = &["after_completion", "low_rating", "complaint", "outage"];

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("of", Asks::Record),
        Input::required("follow_up", Asks::Choice("follow-up", REASONS)),
        Input::optional("description", Asks::Description),
        Input::optional("unit", Asks::Name),
        Input::optional("group", Asks::GROUP_OF_BUILDINGS),
        Input::optional("contact", Asks::Record),
        Input::optional("completed_at_ms", Asks::MomentMs),
    ]),
    Form::fact(
        "reached",
        &[
            Input::required("satisfied", Asks::Flag),
            Input::optional(
                "ratings",
                Asks::Group(&[
                    Input::required("quality", RATING),
                    Input::required("attitude", RATING),
                    Input::required("conduct", RATING),
                ]),
            ),
            TEXT,
        ],
    ),
    Form::fact("not_reached", &[TEXT]),
    Form::fact("follow_up_closed", &[TEXT]),
];

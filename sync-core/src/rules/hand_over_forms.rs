//! What apps ask for to open a hand-over, to list what is handed over, and to take it over.

use super::form::{Asks, Form, Input};

const KEY: &[Input] = &[
    Input::required("record", Asks::Record),
    Input::required("visit", Asks::FactElsewhere),
    Input::required("received", Asks::FactElsewhere),
    Input::optional("holder", Asks::Person),
];
const RADIO: &[Input] = &[
    Input::required("name", Asks::Name).called("radio_name"),
    Input::required("present", Asks::Flag),
    Input::optional("note", Asks::Name),
];
const CASH: &[Input] = &[
    Input::required("record", Asks::Record),
    Input::required("fact", Asks::FactElsewhere),
    Input::required("amount_fen", Asks::Fen),
];
const SHIFTS: &[&str] = &["morning", "day", "afternoon", "night"];

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("shift", Asks::Choice("shift", SHIFTS)),
        Input::required("date", Asks::Date),
        Input::required("from_person", Asks::Person),
        Input::required("desk", Asks::Name),
        Input::required("shift_ends_at_ms", Asks::MomentMs),
    ]),
    Form::fact(
        "matter_listed",
        &[Input::optional("record", Asks::Record), Input::required("text", Asks::Note)],
    ),
    Form::fact("keys_listed", &[Input::optional("keys", Asks::Lines(KEY))]),
    Form::fact("radios_listed", &[Input::optional("radios", Asks::Lines(RADIO))]),
    Form::fact(
        "cash_counted",
        &[
            Input::required("opening_fen", Asks::Fen),
            Input::required("counted_fen", Asks::Fen),
            Input::optional("takings", Asks::Lines(CASH)),
            Input::optional("payouts", Asks::Lines(CASH)),
        ],
    ),
    Form::fact("handed_over", &[]),
    Form::fact("taken_over", &[Input::optional("differences", Asks::Note)]),
];

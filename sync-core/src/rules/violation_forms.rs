//! What apps ask for to open a violation, to assess it and to write its steps.

use super::form::{Asks, Form, Input};

const CATEGORIES: &[&str] =
    &["decoration", "fire_safety", "sanitation", "public_security", "harm_to_others"];
const OF_DECISION: Input = Input::required("decision", Asks::Fact("violation_decided"));
const TEXT: Input = Input::required("text", Asks::Note);

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("violation", Asks::Choice("violation", CATEGORIES)),
        Input::required("place", Asks::Name),
        Input::optional("unit", Asks::Name),
        Input::optional("group", Asks::GROUP_OF_BUILDINGS),
        Input::required("description", Asks::Description),
    ]),
    Form::field(
        "assessment",
        &[
            Input::required("loss", Asks::Flag),
            Input::required("threat", Asks::Flag),
            Input::required("sizeable", Asks::Flag),
            Input::optional("loss_fen", Asks::Fen),
            Input::required("fees_refused", Asks::Flag),
            Input::required("reason", Asks::Reason),
        ],
    ),
    Form::fact("dissuaded", &[Input::optional("text", Asks::Note)]),
    Form::fact("breach_stopped", &[]),
    Form::fact("breach_ignored", &[]),
    Form::fact("registered", &[]),
    Form::fact(
        "violation_decided",
        &[
            Input::required(
                "measure",
                Asks::Choice(
                    "measure",
                    &["dissuade", "rectify_by", "compensate", "public_notice", "legal_action"],
                ),
            )
            .called("violation_measure"),
            Input::optional("date", Asks::Date),
            Input::optional("amount_fen", Asks::Fen),
            Input::optional("text", Asks::Note),
            Input::optional(
                "ground",
                Asks::Choice("legal-ground", &["compensation_refused", "fees_refused"]),
            ),
            Input::required("reason", Asks::Reason),
        ],
    ),
    Form::fact("violation_signed", &[OF_DECISION]),
    Form::fact("decision_executed", &[OF_DECISION, TEXT]),
    Form::fact("rectified", &[OF_DECISION, TEXT]),
    Form::fact("compensation_refused", &[OF_DECISION]),
    Form::fact("mediation_failed", &[TEXT]),
    Form::fact("reconciled", &[OF_DECISION, TEXT]),
    Form::fact("violation_closed", &[TEXT]),
    Form::fact("violation_reopened", &[TEXT]),
];

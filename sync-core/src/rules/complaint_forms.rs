//! What apps ask for to open a complaint, to judge it and to write its steps.

use super::complaint::{EMERGENCIES, RESPONSIBLE, SOURCES, SUBJECTS};
use super::form::{Asks, Form, Input};

const TEXT: Input = Input::required("text", Asks::Note);
const REASON: Input = Input::required("reason", Asks::Reason);
const OF_PLAN: Input = Input::required("plan", Asks::Fact("plan_told"));

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("subject", Asks::Choice("subject", SUBJECTS)),
        Input::optional("emergency", Asks::Choice("emergency", EMERGENCIES)),
        Input::required("description", Asks::Description),
        Input::optional("unit", Asks::Name),
        Input::optional("group", Asks::GROUP_OF_BUILDINGS),
        Input::optional("contact", Asks::Record),
        Input::optional("reception", Asks::Record),
        Input::optional("about", Asks::Person),
        Input::optional("department", Asks::Department),
        Input::optional("source", Asks::Choice("complaint-source", SOURCES)),
        Input::optional("source_department", Asks::Department),
        Input::optional("responsible", Asks::Choice("responsible", RESPONSIBLE)),
        Input::optional("received_at_ms", Asks::MomentMs),
    ]),
    Form::field(
        "judgement",
        &[
            Input::required(
                "validity",
                Asks::Choice("validity", &["valid", "seeking_help", "inquiry", "venting"]),
            ),
            Input::optional(
                "severity",
                Asks::Choice("complaint-severity", &["minor", "important", "major"]),
            ),
            Input::required("undelivered", Asks::Flag),
            Input::required("harm", Asks::Flag),
            REASON,
        ],
    ),
    Form::fact("investigated", &[TEXT]),
    Form::fact(
        "passed_up",
        &[
            // Never to the first step.
            Input::required(
                "to",
                Asks::Choice("ladder-step", &["supervisor", "project_manager", "general_manager"]),
            )
            .called("passed_up_to"),
            REASON,
        ],
    ),
    Form::fact("reported_afterwards", &[Input::required("passed", Asks::Fact("passed_up")), TEXT]),
    Form::fact("plan_told", &[TEXT]),
    Form::fact("plan_accepted", &[OF_PLAN]),
    Form::fact("plan_rejected", &[OF_PLAN, REASON]),
    Form::fact("plan_carried_out", &[OF_PLAN, TEXT]),
    Form::fact("progress_told", &[TEXT, Input::required("to_source", Asks::Flag)]),
    Form::fact("satisfied", &[]),
    Form::fact("not_satisfied", &[REASON]),
    Form::fact("complaint_closed", &[TEXT, Input::optional("unsatisfied_reason", Asks::Reason)]),
    Form::fact("complaint_reopened", &[TEXT]),
];

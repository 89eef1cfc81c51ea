//! What apps ask for to write the steps of a periodic task; the server alone opens one.

use super::form::{Asks, Form, Input};

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::fact(
        "report_sent",
        &[
            Input::required("text", Asks::Note),
            Input::optional("cause", Asks::Note),
            Input::optional("lesson", Asks::Note),
            Input::optional("action", Asks::Note),
        ],
    ),
    Form::fact("report_confirmed", &[Input::required("report", Asks::Fact("report_sent"))]),
    Form::fact(
        "spot_checked",
        &[Input::required("in_order", Asks::Flag), Input::required("text", Asks::Note)],
    ),
];

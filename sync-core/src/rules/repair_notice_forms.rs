//! What apps ask for to open a notice of a repair, to say where it is, and to write its steps.

use super::form::{Asks, Form, Input};
use super::repair_notice::INSTALLATIONS;

const NOTE: Input = Input::optional("text", Asks::Note);
const BUILDINGS: Input = Input::optional("buildings", Asks::Names);
const UNITS: Input = Input::optional("units", Asks::Names);

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("notice", Asks::Choice("notice", &["planned", "emergency"])),
        Input::required("installation", Asks::Choice("installation", INSTALLATIONS)),
        Input::required("description", Asks::Description),
        Input::required("effects", Asks::Note),
        Input::optional("area", Asks::Name),
        BUILDINGS,
        UNITS,
        Input::optional("work_from", Asks::Moment),
        Input::optional("work_to", Asks::Moment),
        Input::optional("order", Asks::Record),
    ]),
    Form::field("buildings", &[BUILDINGS]),
    Form::field("units", &[UNITS]),
    Form::fact("notice_published", &[NOTE]),
    Form::fact("notice_ended", &[NOTE]),
    Form::fact("notice_cancelled", &[Input::required("reason", Asks::Reason)]),
];

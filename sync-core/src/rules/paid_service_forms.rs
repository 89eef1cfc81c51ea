//! What apps ask for to open a paid-service order and to check it. The steps of its visits, its
//! money and its signature are written as a work order's are.

use super::form::{Asks, Form, Input};

const LINE: &[Input] = &[
    Input::required("item", Asks::Record),
    Input::required("name", Asks::Name).called("price_item_name"),
    Input::required("measure", Asks::Name),
    Input::required("quantity_milli", Asks::Milli),
    Input::required("unit_price_fen", Asks::Fen),
];
const SCORE: Asks = Asks::Whole(1, 5);

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("unit", Asks::Name),
        Input::required("department", Asks::Department),
        Input::required("description", Asks::Description),
        Input::optional("requirements", Asks::Note),
        Input::optional("appointment", Asks::Moment),
        Input::optional("group", Asks::GROUP_OF_BUILDINGS),
        Input::optional("contact", Asks::Record),
        Input::optional("reception", Asks::Record),
        Input::optional("lines", Asks::Lines(LINE)),
    ]),
    Form::fact("notified", &[]),
    Form::fact(
        "quality_checked",
        &[
            Input::required("visit", Asks::Fact("set_out")),
            Input::required("quality", SCORE),
            Input::required("satisfaction", SCORE),
            Input::required("text", Asks::Note),
        ],
    ),
];

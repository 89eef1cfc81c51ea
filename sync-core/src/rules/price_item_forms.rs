//! What apps ask for to open a price item, to price it, and to approve a price.

use super::form::{Asks, Form, Input};

const REASON: Input = Input::required("reason", Asks::Reason);
const OF_PRICE: Input = Input::required("price", Asks::Fact("priced"));
const SERVICES: &[&str] = &["household", "home_repair", "business"];

/// What apps ask for.
pub(super) const FORMS: &[Form] = &[
    Form::opening(&[
        Input::required("name", Asks::Name).called("price_item_name"),
        Input::required("service", Asks::Choice("service", SERVICES)),
        Input::required("measure", Asks::Name),
    ]),
    Form::fact(
        "priced",
        &[Input::required("amount_fen", Asks::Fen), Input::required("from_date", Asks::Date)],
    ),
    Form::fact("price_approved", &[OF_PRICE]),
    Form::fact("price_rejected", &[OF_PRICE, REASON]),
    Form::fact("price_item_ended", &[REASON]),
];

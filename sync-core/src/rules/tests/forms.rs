//! Forms: every step of a kind can be filled in, and what is filled in is what the rules read.

use super::*;
use crate::model::payload::{OpeningContent, Payload};
use crate::rules::form::{Asks, Form, Writes};
use crate::rules::{forms, kinds};

/// What somebody might type.
fn typed(asks: Asks) -> &'static str {
    match asks {
        Asks::Name | Asks::Reason | Asks::Note | Asks::Description => "字",
        Asks::Flag => "true",
        Asks::Fen => "12.50",
        Asks::Whole | Asks::Person => "3",
        Asks::Date => "2026-12-01",
        Asks::Moment | Asks::MomentMs => "2026-12-01T10:00",
        Asks::Choice(_, codes) => codes[0],
        Asks::Fact(_) => "aebagbafaydqq.202.0",
        Asks::Record => "AAAAAAAAAAAAAAAAAAAAAA",
        Asks::Department => "engineering",
        Asks::Role => "supervisor",
    }
}

fn filled(form: &Form, all: bool) -> Value {
    let text = |name: &str| {
        let input = form.inputs.iter().find(|input| input.name == name).expect("asked for");
        if all || input.required { typed(input.asks) } else { "" }
    };
    Value::Object(form.content(text, "Asia/Shanghai").expect("fits"))
}

#[test]
fn a_filled_form_is_a_step_or_an_opening_of_its_kind() {
    for kind in kinds() {
        for form in forms(kind) {
            for all in [false, true] {
                let content = filled(form, all);
                match form.writes {
                    Writes::Opening => {
                        let members = content.as_object().expect("members");
                        let opening = OpeningContent::of(kind, members);
                        assert!(opening.is_some(), "{kind}: {content}");
                    }
                    Writes::Fact(fact_type) => {
                        let payload = Payload::from_parts(fact_type.to_owned(), content.clone());
                        let known = !matches!(payload, Payload::Unknown { .. });
                        assert!(known, "{kind} {fact_type}: {content}");
                    }
                    Writes::Field(field) => {
                        let rules = crate::rules::kind::kind(kind).expect("a kind");
                        let rule = rules.fields().iter().find(|rule| rule.name == field);
                        let fits = rule.expect("a field").check(&content);
                        assert_eq!(fits, Ok(()), "{kind} {field}: {content}");
                    }
                }
            }
        }
    }
}

/// A kind is drawn from its forms as a whole, or not yet: then apps write it by commands.
#[test]
fn every_fact_that_people_write_into_a_kind_with_forms_has_one() {
    let asked: Vec<&str> = kinds()
        .flat_map(forms)
        .filter_map(|form| match form.writes {
            Writes::Fact(fact_type) => Some(fact_type),
            _ => None,
        })
        .collect();
    for (fact_type, content) in super::kinds::facts() {
        let payload = Payload::from_parts(fact_type.to_owned(), content);
        let elsewhere = matches!(
            payload,
            Payload::General(_) | Payload::WorkOrder(_) | Payload::Patrol(_) | Payload::Alarm(_)
        );
        let drawn = matches!(payload, Payload::Violation(_));
        let servers = crate::rules::kind::guards(fact_type).is_some_and(<[Role]>::is_empty);
        if drawn && !elsewhere && !servers {
            assert!(asked.contains(&fact_type), "{fact_type} has no form");
        }
    }
    for kind in kinds() {
        let opens = forms(kind).iter().filter(|form| form.writes == Writes::Opening).count();
        assert!(opens <= 1, "{kind}");
    }
}

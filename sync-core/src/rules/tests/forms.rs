//! Forms: everything that people write into a kind can be filled in, and what is filled in is what
//! the rules take.

use std::collections::BTreeMap;

use super::draws::Dice;
use super::*;
use crate::model::payload::Payload;
use crate::rules::form::{Asks, Form, Input, LINES_MAX, Writes, words_of};
use crate::rules::kind::{Holds, kind};
use crate::rules::{forms, guards, kinds};
use crate::texts::{Language, has_text, id_of};

type Typed = BTreeMap<String, String>;

/// What somebody types into a plain input.
fn text(asks: Asks, dice: &mut Dice) -> String {
    let number = |dice: &mut Dice, min: i64, max: i64| {
        let span = usize::try_from((max - min).min(9)).expect("small");
        (min + i64::try_from(dice.below(span + 1)).expect("small")).to_string()
    };
    match asks {
        Asks::Name => "字".repeat(1 + dice.below(60)),
        Asks::Reason => "字".repeat(1 + dice.below(200)),
        Asks::Note | Asks::Description => "字".repeat(1 + dice.below(1_000)),
        Asks::Flag => (*dice.pick(&["true", ""])).to_owned(),
        Asks::Fen => (*dice.pick(&["0", "12", "12.5", "100000000"])).to_owned(),
        Asks::Milli => (*dice.pick(&["1", "0.001", "2.5"])).to_owned(),
        Asks::Whole(min, max) => number(dice, min, max),
        Asks::Names => (*dice.pick(&["3 栋", "3-2-1501，3-2-1502、5 栋\n车库"])).to_owned(),
        Asks::Person => number(dice, 1, 99),
        Asks::Date => "2026-12-01".to_owned(),
        Asks::Moment | Asks::MomentMs => "2026-12-01T10:00".to_owned(),
        Asks::Choice(_, codes) => (*dice.pick(codes)).to_owned(),
        Asks::Fact(_) | Asks::FactElsewhere => "aebagbafaydqq.202.0".to_owned(),
        Asks::Record => "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        Asks::Department => "engineering".to_owned(),
        Asks::Role => "supervisor".to_owned(),
        Asks::Group(_) | Asks::Lines(_) | Asks::Either(_) => unreachable!("typed by member"),
    }
}

/// How much of what may be left out is typed.
#[derive(Clone, Copy, PartialEq)]
enum Fill {
    Some,
    All,
}

fn draw(inputs: &[Input], before: &str, fill: Fill, dice: &mut Dice, typed: &mut Typed) {
    for input in inputs {
        if !input.required && fill == Fill::Some && dice.percent(50) {
            continue;
        }
        let name = format!("{before}{}", input.name);
        match input.asks {
            Asks::Group(within) => draw(within, &format!("{name}."), fill, dice, typed),
            Asks::Lines(within) => {
                for line in 0..1 + dice.below(3) {
                    draw(within, &format!("{name}.{line}."), fill, dice, typed);
                }
            }
            Asks::Either(within) => {
                let one = Input { required: true, ..*dice.pick(within) };
                draw(&[one], before, fill, dice, typed);
            }
            Asks::Flag if fill == Fill::All => drop(typed.insert(name, "true".to_owned())),
            asks => drop(typed.insert(name, text(asks, dice))),
        }
    }
}

/// What one member says of another, which the rules know and no form does.
fn put_right(form: &str, typed: &mut Typed) {
    let is =
        |typed: &Typed, name: &str, code: &str| typed.get(name).is_some_and(|text| text == code);
    let set = |typed: &mut Typed, name: &str, text: Option<&str>| {
        typed.remove(name);
        typed.extend(text.map(|text| (name.to_owned(), text.to_owned())));
    };
    match form {
        "open" if typed.contains_key("subject") => {
            let emergency = is(typed, "subject", "emergency").then_some("fire");
            set(typed, "emergency", emergency);
        }
        "open" if is(typed, "notice", "planned") => {
            set(typed, "work_from", Some("2026-12-01T10:00"));
        }
        "judgement" => {
            let valid = is(typed, "validity", "valid");
            set(typed, "severity", valid.then_some("minor"));
            for flag in ["undelivered", "harm"] {
                if !valid {
                    set(typed, flag, None);
                }
            }
        }
        "price_told" => {
            let told = is(typed, "price", "amount").then_some("30");
            set(typed, "amount_fen", told);
        }
        "violation_decided" => {
            for (measure, member, text) in [
                ("rectify_by", "date", "2026-12-01"),
                ("compensate", "amount_fen", "30"),
                ("public_notice", "text", "字"),
                ("legal_action", "ground", "fees_refused"),
            ] {
                let text = is(typed, "measure", measure).then_some(text);
                set(typed, member, text);
            }
        }
        _ => {}
    }
}

fn content(form: &Form, typed: &Typed) -> Result<serde_json::Map<String, Value>, Denial> {
    form.content(|name| typed.get(name).map_or("", String::as_str), "Asia/Shanghai")
}

fn every_form() -> impl Iterator<Item = (&'static str, &'static Form)> {
    kinds().flat_map(|kind| forms(kind).iter().map(move |form| (kind, form)))
}

/// Whether the rules of its kind take what a form writes.
fn check(kind_name: &str, command: Command) -> Result<(), Denial> {
    let rules = kind(kind_name).expect("a kind");
    match command {
        Command::Open { content, .. } => {
            assert_eq!(content.kind(), kind_name);
            rules.check_opening(&content)
        }
        Command::Set { field, value, .. } => {
            let rule = rules.fields().iter().find(|rule| rule.name == field);
            rule.expect("a field").check(&value)
        }
        Command::Record { fact, .. } => rules.check(&Payload::from(fact)),
        other => panic!("a form writes {other:?}"),
    }
}

#[test]
fn what_the_other_inputs_leave_no_place_for_is_refused_and_not_lost() {
    for (kind, form, typed, field) in [
        ("reception", "price_told", &[("price", "on_site"), ("amount_fen", "30")], "amount_fen"),
        (
            "violation",
            "violation_decided",
            &[("measure", "dissuade"), ("date", "2026-12-01")],
            "date",
        ),
    ] {
        let form = Form::of(kind, form).expect("a form");
        let mut typed: Typed =
            typed.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        typed.insert("reason".to_owned(), "r".to_owned());
        let members = content(form, &typed).expect("fits");
        let denial = form.command(kind, SITE, members).expect_err("would be lost");
        assert_eq!((denial.code, denial.params["field"].as_str()), (DenialCode::OutOfRange, field));
    }
}

#[test]
fn a_form_filled_with_anything_that_fits_is_a_command_that_the_rules_take() {
    for (kind, form) in every_form() {
        for seed in 0..24 {
            let (mut dice, mut typed) = (Dice::of(seed), Typed::new());
            let fill = if seed == 0 { Fill::All } else { Fill::Some };
            draw(form.inputs, "", fill, &mut dice, &mut typed);
            put_right(form.name(), &mut typed);
            assert!(typed.keys().all(|name| form.asks_for(name)), "{kind} {}", form.name());
            let members = content(form, &typed).expect("fits");
            let said = Value::Object(members.clone());
            let command = form.command(kind, SITE, members);
            let command = command
                .unwrap_or_else(|denial| panic!("{kind} {}: {said} {denial:?}", form.name()));
            let json = serde_json::to_string(&command).expect("JSON");
            assert_eq!(serde_json::from_str::<Command>(&json).expect("parses"), command);
            assert_eq!(check(kind, command), Ok(()), "{kind} {}: {said}", form.name());
        }
    }
}

#[test]
fn what_is_required_and_left_empty_is_refused_with_its_name() {
    for (kind, form) in every_form() {
        let mut typed = Typed::new();
        draw(form.inputs, "", Fill::All, &mut Dice::of(1), &mut typed);
        for input in form.every_input().into_iter().filter(|input| input.must_be_typed()) {
            let mut less = typed.clone();
            let mut gone = vec![input.name];
            gone.extend(input.asks.within().iter().map(|one| one.name));
            // The last part of what it is typed as: `lines.0.name`.
            less.retain(|name, _| name.rsplit('.').next().is_none_or(|last| !gone.contains(&last)));
            let told = content(form, &less).map_err(|no| (no.code, no.params["field"].clone()));
            let expected = Err((DenialCode::TextEmpty, input.name.to_owned()));
            assert_eq!(told.map(|_| ()), expected, "{kind} {}", form.name());
        }
    }
}

#[test]
fn every_input_and_every_choice_has_words_in_both_languages() {
    for (kind, form) in every_form() {
        for input in form.every_input() {
            let mut ids = vec![id_of("field", input.words)];
            if let Asks::Choice(group, codes) = input.asks {
                ids.extend(codes.iter().map(|code| id_of(group, code)));
            }
            for id in ids {
                for language in [Language::ZhCn, Language::En] {
                    assert!(has_text(language, &id), "{kind} {}: {id}", form.name());
                }
            }
        }
    }
    assert_eq!(words_of("price_item", "name"), "price_item_name");
    assert_eq!(words_of("price_item", "measure"), "measure");
    assert_eq!(words_of("violation", "measure"), "violation_measure");
    assert_eq!(words_of("violation", "hologram"), "hologram");
}

/// Fact types that people write otherwise than by a form, by whose they are, and why.
const WITHOUT_FORM: [(&str, &str); 3] = [
    ("WorkOrder", "visits, money and the signature, which is drawn: written step by step at work"),
    ("Patrol", "a round is walked from checkpoint to checkpoint"),
    ("Alarm", "an alarm is raised and taken on by commands of its own"),
];

/// Kinds that nobody opens by hand, and why.
const NOT_OPENED: [(&str, &str); 1] = [("periodic_task", "the server opens one for each period")];

#[test]
fn everything_that_people_write_into_a_kind_has_one_form() {
    let types = Payload::every_type();
    assert!(types.len() > 100, "{types:?}");
    for (family, fact_type) in types {
        let servers = guards(&fact_type).is_some_and(<[Role]>::is_empty);
        let without = WITHOUT_FORM.iter().any(|(other, _)| *other == family);
        let writes = |form: &Form| matches!(form.writes, Writes::Fact(name) if name == fact_type);
        let forms = every_form().filter(|(_, form)| writes(form)).count();
        assert_eq!(forms, usize::from(!servers && !without), "forms of {fact_type}");
    }
    for name in kinds() {
        let opens = forms(name).iter().filter(|form| form.writes == Writes::Opening).count();
        let by_hand = !NOT_OPENED.iter().any(|(kind, _)| *kind == name);
        assert_eq!(opens, usize::from(by_hand), "{name} is opened");
        for rule in kind(name).expect("a kind").fields() {
            if matches!(rule.holds, Holds::Shape(_)) {
                let writes = |form: &&Form| form.writes == Writes::Field(rule.name);
                assert_eq!(forms(name).iter().filter(writes).count(), 1, "{name} {}", rule.name);
            }
        }
    }
}

const ONE: Form = Form::fact(
    "x",
    &[
        Input::required("reason", Asks::Reason),
        Input::optional("amount_fen", Asks::Fen),
        Input::required("loss", Asks::Flag),
        Input::optional("code", Asks::Choice("severity", &["general"])),
    ],
);
const LINE: &[Input] = &[
    Input::required("name", Asks::Name),
    Input::required("quantity_milli", Asks::Milli),
    Input::required("present", Asks::Flag),
];
const SHAPES: Form = Form::fact(
    "x",
    &[
        Input::optional("lines", Asks::Lines(LINE)),
        Input::optional("ratings", Asks::Group(&[Input::required("quality", Asks::Whole(1, 5))])),
        Input::required(
            "to",
            Asks::Either(&[
                Input::optional("person", Asks::Person),
                Input::optional("department", Asks::Department),
            ]),
        ),
        Input::optional("units", Asks::Names),
    ],
);

fn filled(form: &Form, pairs: &[(&str, &str)]) -> Result<Value, (DenialCode, String)> {
    let typed = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    content(form, &typed).map(Value::Object).map_err(|no| (no.code, no.params["field"].clone()))
}

#[test]
fn what_is_missing_or_of_another_sort_is_told_with_its_field() {
    let fill = |reason, amount, code| {
        filled(&ONE, &[("reason", reason), ("amount_fen", amount), ("code", code)])
    };
    let full = json!({ "reason": "r", "amount_fen": 350, "loss": false, "code": "general" });
    assert_eq!(fill("r", "3.5", "general"), Ok(full));
    assert_eq!(fill(" ", "", ""), Err((DenialCode::TextEmpty, "reason".to_owned())));
    assert_eq!(fill("r", "x", ""), Err((DenialCode::OutOfRange, "amount_fen".to_owned())));
    assert_eq!(fill("r", "", "mild"), Err((DenialCode::OutOfRange, "code".to_owned())));
}

#[test]
fn lines_groups_and_alternatives_are_read_by_their_members() {
    let lines = [
        ("lines.0.name", "阀"),
        ("lines.0.quantity_milli", "1.5"),
        ("lines.0.present", "true"),
        // A line of which nothing is typed is none.
        ("lines.1.name", " "),
        ("lines.99.name", "管"),
        ("lines.99.quantity_milli", "2"),
        ("person", "31"),
        ("units", "3-2-1501、 ,3-2-1502"),
    ];
    let expected = json!({
        "lines": [
            { "name": "阀", "quantity_milli": 1_500, "present": true },
            { "name": "管", "quantity_milli": 2_000, "present": false },
        ],
        "person": 31,
        "units": ["3-2-1501", "3-2-1502"],
    });
    assert_eq!(filled(&SHAPES, &lines), Ok(expected));
    let few = json!({
        "lines": [], "ratings": { "quality": 5 }, "department": "engineering", "units": [],
    });
    let typed = [("ratings.quality", "5"), ("department", "engineering")];
    assert_eq!(filled(&SHAPES, &typed), Ok(few));
    let wrong = |pairs: &[(&str, &str)]| filled(&SHAPES, pairs).expect_err("misfit");
    let of = |code, field: &str| (code, field.to_owned());
    assert_eq!(wrong(&[]), of(DenialCode::TextEmpty, "to"));
    let both = [("person", "31"), ("department", "engineering")];
    assert_eq!(wrong(&both), of(DenialCode::OutOfRange, "to"));
    let rating = [("person", "31"), ("ratings.quality", "6")];
    assert_eq!(wrong(&rating), of(DenialCode::OutOfRange, "quality"));
    let typed = BTreeMap::from([("lines.2.name".to_owned(), "阀".to_owned())]);
    let no = content(&SHAPES, &typed).expect_err("half a line");
    assert_eq!((no.code, no.params["field"].as_str()), (DenialCode::TextEmpty, "quantity_milli"));
    assert_eq!(no.params["line"], "3");
}

#[test]
fn a_form_knows_the_names_under_which_something_is_typed() {
    for name in ["lines.0.name", "lines.99.name", "ratings.quality", "person", "units"] {
        assert!(SHAPES.asks_for(name), "{name}");
    }
    let beyond = format!("lines.{LINES_MAX}.name");
    for name in ["lines", "lines.0", "lines.00.name", "lines.+1.name", "lines.0.colour", "to"] {
        assert!(!SHAPES.asks_for(name), "{name}");
    }
    for name in [beyond.as_str(), "ratings", "ratings.quality.x", "units.0", "person.0", ""] {
        assert!(!SHAPES.asks_for(name), "{name}");
    }
}

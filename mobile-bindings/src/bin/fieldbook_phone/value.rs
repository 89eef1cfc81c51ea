//! From words of the command line to JSON: values, steps, drawings, ratings, and which record a
//! short name means. All pure.

use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Members and fields that are text, even where it looks like a number.
const TEXTS: [&str; 30] = [
    "answered_by",
    "appointment",
    "category",
    "charge",
    "checkpoint",
    "contact",
    "description",
    "finding",
    "invoice",
    "item",
    "material",
    "media_type",
    "method",
    "moment",
    "name",
    "next_appointment",
    "number",
    "place",
    "priority",
    "quote",
    "reason",
    "relation",
    "reported_to",
    "salt",
    "sha256",
    "tag",
    "text",
    "unit",
    "via",
    "visit",
];

/// Steps that belong to an order, a round or an alarm; every other one names its visit.
const OF_THE_RECORD: [&str; 31] = [
    "alarm_settled",
    "alarm_withdrawn",
    "alerted",
    "cancelled",
    "checked",
    "checkpoint_skipped",
    "checkpoint_visited",
    "closed",
    "declined",
    "dispatched",
    "finding",
    "finding_reported",
    "finding_settled",
    "handed_in",
    "invoice_delivered",
    "invoiced",
    "nobody_left",
    "out_of_scope",
    "quote_accepted",
    "quote_declined",
    "radioed",
    "received",
    "rest_ok",
    "returned",
    "round_finished",
    "round_started",
    "round_stopped",
    "set_out",
    "told",
    "units_checked",
    "waiting_for_parts",
];

/// The value of a field or member: text where it is one, else JSON, else text again.
pub fn value(name: &str, text: &str) -> Value {
    if TEXTS.contains(&name) {
        return json!(text);
    }
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// Whether a step names its visit.
pub fn names_a_visit(fact_type: &str) -> bool {
    !OF_THE_RECORD.contains(&fact_type)
}

/// The command of a step. `visit` is there if the step names one.
pub fn step(fact_type: &str, visit: Option<&str>, members: &[String]) -> Result<Value, Failure> {
    let mut content = Map::new();
    content.extend(visit.map(|visit| ("visit".to_owned(), json!(visit))));
    for member in members {
        let (name, text) = member
            .split_once('=')
            .ok_or_else(|| Failure::bad_input("a member is written as name=value"))?;
        content.insert(name.to_owned(), value(name, text));
    }
    let fact = if content.is_empty() {
        json!({ "t": fact_type })
    } else {
        json!({ "t": fact_type, "p": content })
    };
    Ok(json!({ "command": "record", "fact": fact }))
}

/// Ratings such as `5,5,4`.
pub fn ratings(text: &str) -> Result<Value, Failure> {
    let numbers: Result<Vec<u8>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([quality, attitude, conduct]) => {
            Ok(json!({ "quality": quality, "attitude": attitude, "conduct": conduct }))
        }
        _ => Err(Failure::bad_input("ratings are three numbers, e.g. 5,5,4")),
    }
}

/// A position such as `30.2741,120.1551` in units of 10^-7 degrees.
pub fn position(text: &str) -> Result<Value, Failure> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let e7 = |degrees: f64| (degrees * 1e7).round();
    match numbers.as_deref() {
        Ok([latitude, longitude]) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            // Whole numbers below 2^53: exact.
            let whole = |degrees: f64| format!("{:.0}", e7(degrees)).parse::<i64>();
            match (whole(*latitude), whole(*longitude)) {
                (Ok(latitude), Ok(longitude)) => {
                    Ok(json!({ "latitude_e7": latitude, "longitude_e7": longitude }))
                }
                _ => Err(Failure::bad_input("a position is latitude,longitude in degrees")),
            }
        }
        _ => Err(Failure::bad_input("a position is latitude,longitude in degrees")),
    }
}

/// The record that `given` names: its whole id, or a beginning that no other record shares.
pub fn record(given: &str, records: &[String]) -> Result<String, Failure> {
    if given.is_empty() {
        return Err(Failure::unknown_record(given));
    }
    let found: Vec<&String> = records.iter().filter(|id| id.starts_with(given)).collect();
    match found.as_slice() {
        [] => Err(Failure::unknown_record(given)),
        [one] => Ok((*one).clone()),
        several => Err(Failure::ambiguous_record(given, several.len())),
    }
}

/// The shortest beginning of `id`, of six characters at least, that no other record shares.
pub fn short<'a>(id: &'a str, records: &[String]) -> &'a str {
    let unique = |length: &usize| {
        let start = &id[..*length];
        records.iter().all(|other| other == id || !other.starts_with(start))
    };
    let ends = id.char_indices().map(|(at, _)| at).skip(6);
    ends.into_iter().find(unique).map_or(id, |length| &id[..length])
}

/// The visit of `person` in a review that steps go to by default: the newest without a farewell.
pub fn open_visit(review: &Value, person: u32) -> Option<String> {
    let timeline = review["timeline"].as_array()?;
    let left = |visit: &Value| {
        let mut farewells = timeline.iter().filter(|entry| entry["fact_type"] == "farewell");
        farewells.any(|entry| entry["content"]["visit"] == visit["visit"])
    };
    let mut own = review["visits"].as_array()?.iter().rev();
    let visit = own.find(|visit| visit["person"] == person && !left(visit))?;
    visit["visit"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fieldbook_mobile::ApiError;

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_beginning_names_a_record_if_no_other_begins_so() {
        let records = ids(&["abcdefgh", "abcdefxy", "zz"]);
        assert_eq!(record("z", &records), Ok("zz".to_owned()));
        assert_eq!(record("abcdefg", &records), Ok("abcdefgh".to_owned()));
        assert_eq!(record("abc", &records), Err(Failure::ambiguous_record("abc", 2)));
        assert_eq!(record("q", &records), Err(Failure::unknown_record("q")));
        assert_eq!(record("", &ids(&["zz"])), Err(Failure::unknown_record("")));
        assert_eq!(short("abcdefgh", &records), "abcdefg");
        assert_eq!(short("zz", &records), "zz");
        assert_eq!(short("0123456789", &ids(&["0123456789"])), "012345");
    }

    #[test]
    fn text_stays_text_and_numbers_are_numbers() {
        assert_eq!(value("text", "42"), json!("42"));
        assert_eq!(value("amount_fen", "42"), json!(42));
        assert_eq!(value("tools", "true"), json!(true));
        assert_eq!(value("something_new", "三天"), json!("三天"));
    }

    #[test]
    fn ratings_are_three_numbers() {
        assert_eq!(ratings("5, 4,3"), Ok(json!({ "quality": 5, "attitude": 4, "conduct": 3 })));
        for wrong in ["5,5", "5,5,5,5", "a,b,c", "", "5,5,-1"] {
            assert!(ratings(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_position_is_in_degrees() {
        let wanted = json!({ "latitude_e7": 302_741_000, "longitude_e7": -1_201_551_234_i64 });
        assert_eq!(position("30.2741, -120.1551234"), Ok(wanted));
        for wrong in ["30", "91,0", "0,181", "a,b", "NaN,0", "1,2,3"] {
            assert!(position(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn steps_of_rounds_and_alarms_name_no_visit() {
        use sync_core::model::{alarm::AlarmFact, patrol::PatrolFact};
        let variants = |told: String| {
            let names = told.split('`').skip(3).step_by(2).map(str::to_owned);
            names.collect::<Vec<String>>()
        };
        let unknown = || json!({ "t": "no_such_step" });
        let told = serde_json::from_value::<PatrolFact>(unknown()).expect_err("unknown");
        let mut names = variants(told.to_string());
        let told = serde_json::from_value::<AlarmFact>(unknown()).expect_err("unknown");
        names.extend(variants(told.to_string()));
        assert!(names.len() > 14, "{names:?}");
        assert!(names.iter().all(|name| !names_a_visit(name)), "{names:?}");
    }

    #[test]
    fn the_newest_visit_without_a_farewell_is_the_open_one() {
        let visit = |key: &str, person: u32| json!({ "visit": key, "person": person });
        let farewell = json!({ "fact_type": "farewell", "content": { "visit": "a.3.0" } });
        let review = json!({
            "visits": [visit("a.1.0", 4), visit("a.2.0", 5), visit("a.3.0", 4)],
            "timeline": [farewell],
        });
        assert_eq!(open_visit(&review, 4).as_deref(), Some("a.1.0"));
        assert_eq!(open_visit(&review, 5).as_deref(), Some("a.2.0"));
        assert_eq!(open_visit(&review, 6), None);
    }

    /// Every step by its type, with the members it needs.
    const STEPS: &str = "
        dispatched | told | received | declined reason=x | cancelled reason=x | returned | closed
        waiting_for_parts reason=x | out_of_scope reported_to=x reason=x | set_out grade=2
        prepare appearance=true tools=true materials=true instructions_acknowledged=true \
trained=true
        ring | knock | no_answer via=radio answered_by=12 | no_answer_confirmed | introduce | enter
        shoe_covers | entered_with_key | key_received | key_used | key_returned | scope_confirmed
        valuables_reminded | start_work | paused reason=7 | resumed | finish_work
        material name=5 quantity_milli=1000 unit=5 unit_price_fen=5 | material_removed material=KEY
        photo sha256=00 size_bytes=5 media_type=image/jpeg moment=before | advice text=5
        unable_to_finish reason=x explained=true
        left_midway customer_asked=true tidied=true reason=x
        tidy equipment_wiped=true floor_clean=true tools_counted=true
        explain cause=true care=true correct_use=true
        quoted amount_fen=5 items=[] | quote_accepted quote=KEY | quote_declined quote=KEY reason=x
        acceptance accepted=true opinion=x
        charged amount_fen=5 method=cash | handed_in charge=KEY amount_fen=5
        invoiced charge=KEY number=007 amount_fen=5 | invoice_delivered invoice=KEY
        refunded amount_fen=5 method=cash | sign_refused reason=x | sign_absent reason=x | farewell
        helper_joined person=4 | called_back text=x";

    #[test]
    fn every_step_of_a_work_order_can_be_written_by_its_type() {
        let key = "aebagbafaydqq.201.0";
        let unknown = serde_json::from_value::<sync_core::model::work_order::WorkOrderFact>(
            json!({ "t": "no_such_step" }),
        );
        let told = unknown.expect_err("unknown").to_string();
        let mut missing: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        assert!(missing.len() > 40, "{told}");
        for line in STEPS.split(['|', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.split_whitespace();
            let fact_type = words.next().expect("a type");
            let members: Vec<String> = words.map(|word| word.replace("KEY", key)).collect();
            let visit = names_a_visit(fact_type).then_some(key);
            let command = step(fact_type, visit, &members).expect("members");
            let read = serde_json::from_value::<sync_core::rules::Command>(command);
            assert!(read.is_ok(), "{line}: {read:?}");
            missing.retain(|known| *known != fact_type);
        }
        // It has a command of its own.
        assert_eq!(missing, ["signed"]);
        let error = Failure::from(ApiError::BadInput { reason: "x".to_owned() });
        assert_eq!(step("ring", None, &ids(&["x"])).expect_err("no =").code, error.code);
    }
}

//! The lists of the source, code by code: a code that is gone, or another order, is a change that
//! phones in the field would read wrong. And what an officer says of a smell and of what was found.

use super::*;
use crate::model::patrol::{Checklist, Checkpoint, PatrolKind, PatrolRoundCreated};
use crate::model::violation::ViolationCategory;

/// R7.5, R7.6, R7.7, R7.8, R7.9
#[test]
fn each_checklist_has_the_items_of_its_place() {
    let items = |list: Checklist| list.items().join(" ");
    assert_eq!(
        items(Checklist::Stairwell),
        "lights doors_and_windows intelligent_systems walls_ceiling_tiles hydrant extinguisher \
         fire_door exit_lights escape_way burglar_and_fire_alarms stairwell_cleanliness \
         safety_signs shared_lamps_and_bins"
    );
    let structures = "sculptures playground lawns_hedges_trees structure_roads";
    assert_eq!(items(Checklist::PublicStructures), structures);
    assert_eq!(
        items(Checklist::RoadsAndSquares),
        "facilities_and_occupation road_signs manhole_covers_and_lamps road_cleanliness"
    );
    assert_eq!(
        items(Checklist::Surroundings),
        "posting_and_wiring damage_noise_pollution livestock surroundings_cleanliness"
    );
    assert_eq!(
        items(Checklist::DecorationSite),
        "decoration_permit load_bearing_structure outer_appearance pipes_and_wiring \
         waterproofing waste_and_hours site_extinguishers"
    );
    assert_eq!(items(Checklist::VacantHome), "lock meters water windows damp pests");
}

/// R7.4
#[test]
fn six_things_are_looked_for_beside_decoration_sites_and_vacant_homes() {
    let code = |kind: &PatrolKind| serde_json::to_value(kind).expect("a code");
    let kinds: Vec<Value> = PatrolKind::ALL.iter().map(code).collect();
    assert_eq!(
        kinds,
        [
            "security_hazards",
            "public_facilities",
            "cleanliness",
            "greenery",
            "illegal_decoration",
            "fire_safety",
            "decoration_site",
            "vacant_home"
        ]
    );
}

/// R5.1
#[test]
fn every_category_of_violations_has_its_breaches_and_other() {
    let counts = ViolationCategory::ALL.map(|category| category.breaches().len());
    assert_eq!(counts, [6, 5, 7, 4, 1]);
    for category in ViolationCategory::ALL {
        assert_eq!(category.breaches().last(), Some(&"other"), "{category:?}");
    }
}

/// An unplanned round.
fn walking() -> (Story, Writer) {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    let point = Checkpoint {
        code: "a".to_owned(),
        name: "a号楼道".to_owned(),
        checklist: Some(Checklist::Stairwell),
        tag: None,
        position: None,
        radius_m: None,
        items: None,
    };
    let round = PatrolRoundCreated {
        patrol: PatrolKind::SecurityHazards,
        area: "三组团".to_owned(),
        officer: PersonId(41),
        plan: None,
        starts_at_ms: None,
        checkpoints: vec![point],
    };
    story.write(&mut officer, Command::CreateRound { site: SITE, from: None, round });
    story.step(&mut officer, "round_started", json!({}));
    (story, officer)
}

fn finding(kind: &str, settled: bool) -> Value {
    json!({ "finding": kind, "place": "a号楼道", "description": "门口有陌生人徘徊",
        "settled": settled })
}

/// R7.11
#[test]
fn units_checked_for_the_cause_of_a_smell_are_facts_of_the_round() {
    let (mut story, mut officer) = walking();
    let units = json!({ "units": ["3-2-1502", "3-2-1501"], "cause_found": false });
    story.step(&mut officer, "units_checked", units);
    let round = story.review().round.expect("a round");
    assert_eq!(round.units_checked, ["3-2-1501", "3-2-1502"]);
    let none = step("units_checked", json!({ "units": [], "cause_found": false }));
    assert_eq!(story.deny(&officer, &none), DenialCode::OutOfRange);
}

/// R7.15
#[test]
fn what_is_neither_settled_nor_reported_on_return_is_a_case() {
    let unreported = |story: &Story| {
        let review = story.review();
        open_cases(&review).iter().filter(|case| **case == "finding_not_reported").count()
    };
    let (mut story, mut officer) = walking();
    let stranger = story.step(&mut officer, "finding", finding("other", false));
    story.step(&mut officer, "finding", finding("other", true));
    // It opens an order by itself.
    story.step(&mut officer, "finding", finding("facility", false));
    assert_eq!(unreported(&story), 0, "the officer is still out");
    story.step(&mut officer, "round_finished", json!({}));
    assert_eq!(unreported(&story), 1);
    let reported = json!({ "finding": stranger, "reported_to": "周主管" });
    story.step(&mut officer, "finding_reported", reported);
    assert_eq!(unreported(&story), 0);
    let round = story.review().round.expect("a round");
    assert_eq!(round.findings[0].reported_to.as_deref(), Some("周主管"));
}

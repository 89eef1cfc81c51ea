//! Who may write what: one table of every role, everything that can be written, and every state
//! that permissions look at. Its written form is `docs/permissions.md`, for whoever runs the
//! office to check; `REGENERATE=1` writes it anew. A new role, kind, command, field or fact type
//! changes it, or fails here until it stands in it.

mod acts;
mod page;
mod scenes;
mod sentences;

use std::collections::{BTreeMap, BTreeSet};

use super::super::kind;
use super::*;
use crate::model::department::Department;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::{alarm, contact, patrol, work_order};
use crate::rules::permission::permit;
use crate::rules::written::Written;
use acts::Act;
use scenes::{GROUP, Scene};

/// The desk and those above it.
const DESK: &[Role] =
    &[Role::FrontDesk, Role::Assistant, Role::Supervisor, Role::ProjectManager, Role::DutyOperator];

/// What comes of an act in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// It is no business of this kind.
    NotOfTheKind,
    /// Nobody may: not yet, or never; the code.
    Refused(String),
    /// These roles may, and no other.
    May(May),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct May {
    roles: Vec<Role>,
    /// A role that is held for another group of buildings reaches it too; none of a kind without.
    other_group: Option<bool>,
    /// The departments that a role may be held for; none is every one.
    departments: Option<Vec<Department>>,
    /// Who may write it for somebody else (补录).
    for_others: Vec<Role>,
}

/// Every kind of record.
fn kinds_of_records() -> Vec<&'static str> {
    let plain = [work_order::KIND, contact::KIND, patrol::PLAN, patrol::ROUND, alarm::KIND];
    plain.into_iter().chain(crate::rules::kinds()).collect()
}

/// Whether somebody with a role may write something, or the code.
fn judge(scene: &Scene, payload: &Payload, grant: RoleGrant, entered: bool) -> Result<(), String> {
    let fact = Fact {
        key: FactKey::Written { session: SessionId([50; 8]), n: 1_000, i: 0 },
        wall_ms: scene.story.now_ms,
        monotonic_ms: None,
        seen: Seen { epoch: 1, sequence: 10 },
        after: None,
        said_at_ms: None,
        on_behalf_of: entered.then_some(PersonId(32)),
        corrects: Vec::new(),
        payload: payload.clone(),
        stored_content: None,
    };
    let principal = Principal { person: scene.person, grants: vec![grant] };
    let now_ms = scene.story.now_ms;
    let written = Written { seen: Some(Seen { epoch: 1, sequence: 10 }), at_ms: Some(now_ms) };
    let told = permit(&[fact], scene.review.as_ref(), &principal, written, now_ms);
    told.map_err(|denial| match denial.params.get("needs") {
        Some(needs) => format!("needs {needs}"),
        None => denial.code.to_string(),
    })
}

const NO: &str = "not_your_role";

fn outcome(scene: &Scene, act: &Act) -> Outcome {
    let payload = act.payload(scene);
    let told = |grant, entered| judge(scene, &payload, grant, entered);
    let held = |role| grant(scene.person, role);
    let codes: Vec<Option<String>> =
        Role::ALL.iter().map(|role| told(held(*role), false).err()).collect();
    if let Some(code) = codes.iter().flatten().find(|code| *code != NO) {
        // What the record lacks does not depend on who asks.
        assert!(codes.iter().all(|one| one.as_ref() == Some(code)), "{act:?} {codes:?}");
        let of_another = code == "wrong_kind" && act.fact_type != "created";
        return if of_another { Outcome::NotOfTheKind } else { Outcome::Refused(code.clone()) };
    }
    let of = |grant: &dyn Fn(Role) -> RoleGrant, entered| -> Vec<Role> {
        let may = |role: &Role| told(grant(*role), entered).is_ok();
        Role::ALL.into_iter().filter(may).collect()
    };
    let roles = of(&held, false);
    let group = |group: u32| of(&|role| RoleGrant { group: Some(group), ..held(role) }, false);
    assert_eq!(group(GROUP), roles, "{act:?}: the own group");
    let others = group(GROUP + 1);
    assert!(others.is_empty() || others == roles, "{act:?}: {others:?}");
    let departments: Vec<Department> = Department::KNOWN
        .into_iter()
        .filter(|department| {
            let department = Some(department.clone());
            let may = of(&|role| RoleGrant { department: department.clone(), ..held(role) }, false);
            assert!(may.is_empty() || may == roles, "{act:?}: {department:?} {may:?}");
            !may.is_empty()
        })
        .collect();
    let now_ms = scene.story.now_ms;
    let deputy = |from_ms, to_ms| {
        let of_nine = Some(PersonId(9));
        let stands_in = move |role| RoleGrant {
            from_ms,
            to_ms: Some(to_ms),
            on_behalf_of: of_nine,
            ..held(role)
        };
        of(&stands_in, false)
    };
    assert_eq!(deputy(0, now_ms + 1), roles, "{act:?}: a deputy does what the role does");
    assert_eq!(deputy(0, now_ms), [], "{act:?}: a deputy whose time is over");
    assert_eq!(deputy(now_ms + 1, now_ms + 2), [], "{act:?}: a deputy whose time has not come");
    let elsewhere = |role| RoleGrant { site: SiteId(8), ..held(role) };
    assert_eq!(of(&elsewhere, false), [], "{act:?}: at another site");
    let has_group = scenes::opening(scene.kind).get("group").is_some();
    Outcome::May(May {
        other_group: has_group.then_some(others == roles),
        departments: (departments.len() < Department::KNOWN.len()).then_some(departments),
        for_others: of(&held, true),
        roles,
    })
}

/// What comes of one act in one state.
struct Entry {
    scene: &'static Scene,
    act: Act,
    outcome: Outcome,
}

/// Everything, in every state: a record is opened where nothing is there yet, and all else is
/// written where something is.
fn table() -> &'static [Entry] {
    static TABLE: std::sync::LazyLock<Vec<Entry>> = std::sync::LazyLock::new(|| {
        let mut entries = Vec::new();
        for scene in scenes::all() {
            let opens = |act: &Act| act.fact_type == "created";
            let acts = acts::all(scene.kind).into_iter();
            entries.extend(acts.filter(|act| opens(act) == scene.review.is_none()).map(|act| {
                let outcome = outcome(scene, &act);
                Entry { scene, act, outcome }
            }));
        }
        entries
    });
    &TABLE
}

#[test]
fn the_page_of_permissions_says_what_the_code_does() {
    let page = page::page();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions.md");
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(&path, &page).expect("written");
    }
    let kept = std::fs::read_to_string(&path).expect("docs/permissions.md");
    let differs = kept.lines().zip(page.lines()).find(|(kept, now)| kept != now);
    assert!(kept == page, "run this test with REGENERATE=1 and read the change: {differs:?}");
}

/// The names of an enumeration's variants, as its reader knows them.
fn variants<T: serde::de::DeserializeOwned>(tag: &str) -> BTreeSet<String> {
    let told = match tag {
        "" => serde_json::from_value::<T>(json!("?")).err(),
        tag => serde_json::from_value::<T>(json!({ tag: "?" })).err(),
    };
    let told = told.expect("no variant").to_string();
    let names = told.split("expected").nth(1).unwrap_or_else(|| panic!("{told}"));
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The fact types that this version reads. A sort of payload that is new is a line here.
fn fact_types() -> BTreeSet<String> {
    use crate::model::{
        alarm::AlarmFact, complaint::ComplaintFact, follow_up::FollowUpFact,
        hand_over::HandOverFact, paid_service::PaidServiceFact, patrol::PatrolFact,
        periodic::PeriodicFact, price_item::PriceItemFact, reception::ReceptionFact,
        repair_notice::RepairNoticeFact, violation::ViolationFact,
    };
    let _all_are_here = |payload: Payload| match payload {
        Payload::General(_)
        | Payload::WorkOrder(_)
        | Payload::Patrol(_)
        | Payload::Alarm(_)
        | Payload::Violation(_)
        | Payload::PriceItem(_)
        | Payload::PaidService(_)
        | Payload::HandOver(_)
        | Payload::Complaint(_)
        | Payload::Periodic(_)
        | Payload::Reception(_)
        | Payload::RepairNotice(_)
        | Payload::FollowUp(_)
        | Payload::Unknown { .. } => {}
    };
    [
        variants::<GeneralFact>("t"),
        variants::<WorkOrderFact>("t"),
        variants::<PatrolFact>("t"),
        variants::<AlarmFact>("t"),
        variants::<ViolationFact>("t"),
        variants::<PriceItemFact>("t"),
        variants::<PaidServiceFact>("t"),
        variants::<HandOverFact>("t"),
        variants::<ComplaintFact>("t"),
        variants::<PeriodicFact>("t"),
        variants::<ReceptionFact>("t"),
        variants::<RepairNoticeFact>("t"),
        variants::<FollowUpFact>("t"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// R0.2
#[test]
fn every_role_kind_command_and_fact_type_stands_in_the_table() {
    assert_eq!(variants::<Role>(""), Role::ALL.map(Role::code).into_iter().collect());
    let scenes = scenes::all();
    let played: BTreeSet<&str> =
        scenes.iter().filter(|s| s.review.is_some()).map(|s| s.kind).collect();
    assert_eq!(played, kinds_of_records().into_iter().collect());
    let known = table().iter().filter(|entry| entry.outcome != Outcome::NotOfTheKind);
    let mut written: BTreeSet<String> = known.map(|entry| entry.act.fact_type.clone()).collect();
    assert!(written.remove("hologram"), "a newer app's");
    assert_eq!(written, fact_types());
    let commands: BTreeSet<String> = variants::<Command>("command");
    let facts = COMMANDS.iter().map(|(command, _)| (*command).to_owned());
    assert_eq!(commands, facts.collect(), "a new command is a line of COMMANDS");
    let unknown = COMMANDS.iter().filter(|(_, fact)| !fact.is_empty() && !written.contains(*fact));
    assert_eq!(unknown.count(), 0);
}

/// The fact that each command writes; `record` writes the step that it is given.
const COMMANDS: [(&str, &str); 23] = [
    ("create_work_order", "created"),
    ("create_contact", "created"),
    ("create_patrol_plan", "created"),
    ("create_round", "created"),
    ("raise_alarm", "created"),
    ("open", "created"),
    ("rest_ok", "rest_ok"),
    ("read", "read"),
    ("acknowledge", "acknowledged"),
    ("ask", "asked"),
    ("answer", "answered"),
    ("pause_deadline", "deadline_paused"),
    ("resume_deadline", "deadline_resumed"),
    ("set", "set"),
    ("resolve", "resolve"),
    ("assign", "set"),
    ("note", "note"),
    ("attach", "attached"),
    ("close_case", "case_closed"),
    ("reopen_case", "case_reopened"),
    ("merge_into", "duplicate_of"),
    ("record", ""),
    ("sign", "signed"),
];

/// R0.22
#[test]
fn a_known_type_in_a_shape_that_nobody_reads_is_no_way_around_its_roles() {
    for kind in kinds_of_records() {
        let mut read: BTreeMap<&str, BTreeSet<Role>> = BTreeMap::new();
        for entry in table().iter().filter(|entry| entry.scene.kind == kind) {
            if entry.outcome != Outcome::NotOfTheKind {
                let roles = read.entry(&entry.act.fact_type).or_default();
                roles.extend(may(&entry.outcome));
            }
        }
        let of_kind = |scene: &&Scene| scene.kind == kind && scene.review.is_some();
        for (fact_type, roles) in read.iter().filter(|(fact_type, _)| **fact_type != "created") {
            let Some(unread) = acts::unread(fact_type) else { continue };
            for scene in scenes::all().iter().filter(of_kind) {
                let payload = unread.payload(scene);
                let more = Role::ALL.into_iter().find(|role| {
                    let told = judge(scene, &payload, grant(scene.person, *role), false);
                    told.is_ok() && !roles.contains(role)
                });
                assert_eq!(more, None, "{kind} {}: {fact_type}", scene.state);
            }
        }
    }
}

fn may(outcome: &Outcome) -> &[Role] {
    match outcome {
        Outcome::May(may) => &may.roles,
        Outcome::Refused(_) | Outcome::NotOfTheKind => &[],
    }
}

/// R0.21
#[test]
fn what_a_record_was_opened_with_is_a_field_or_stays_as_it_is() {
    for kind in kinds_of_records() {
        let own = |name: &&String| !["kind", "schema", "site"].contains(&name.as_str());
        let opening = scenes::opening(kind);
        let members: BTreeSet<&str> =
            opening.as_object().expect("members").keys().filter(own).map(String::as_str).collect();
        let fields: BTreeSet<&str> = kind::fields(kind).iter().map(|rule| rule.name).collect();
        let fixed: BTreeSet<&str> = kind::fixed(kind).iter().copied().collect();
        assert_eq!(fields.intersection(&fixed).count(), 0, "{kind}");
        let known: BTreeSet<&str> = &fields | &fixed;
        // A plan's lines are the planners' to change, in an app that will (六 3.1).
        let planners = if kind == patrol::PLAN { &["items", "month"][..] } else { &[] };
        let left: Vec<&&str> =
            members.difference(&known).filter(|name| !planners.contains(name)).collect();
        assert_eq!(left, [&""; 0], "{kind}: a field, or fixed");
        for entry in table().iter().filter(|entry| entry.scene.kind == kind) {
            let of = |name: &&str| entry.act.detail == format!("`{name}`");
            if fixed.iter().any(of) {
                let told = Outcome::Refused("unknown_field".to_owned());
                assert_eq!(entry.outcome, told, "{kind} {}", entry.act.detail);
            }
        }
    }
}

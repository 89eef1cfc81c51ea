//! The states of each kind of record that its permissions may look at, played as stories.

use super::super::*;
use crate::model::payload::{OpeningContent, Payload};
use crate::model::{alarm, contact, patrol, work_order};

/// The group of buildings of every record that has one.
pub const GROUP: u32 = 3;

/// A record in a state, and who looks at it.
pub struct Scene {
    pub kind: &'static str,
    /// In words; empty where nothing is there yet.
    pub state: &'static str,
    pub story: Story,
    /// None where nothing is there yet.
    pub review: Option<Review>,
    /// Who would write.
    pub person: PersonId,
}

/// A line of a story: who (number and role), what.
type Line = (u8, Role, &'static str, Value);

/// Everything that a kind is opened with, each member filled in.
pub fn opening(kind: &str) -> Value {
    let record = RecordId([9; 16]).to_string();
    let point = json!({
        "code": "a", "name": "a", "checklist": "stairwell", "tag": "T", "radius_m": 5,
        "items": [{ "code": "lights", "text": "t" }],
        "position": { "latitude_e7": 1, "longitude_e7": 1, "accuracy_m": 8 },
    });
    let item = json!({
        "item": 1, "patrol": "fire_safety", "area": "三组团", "officer": 41, "days": [25],
        "starts_at": "09:30", "checkpoints": [point],
    });
    let line = json!({
        "item": record, "name": "n", "measure": "小时", "quantity_milli": 1000, "unit_price_fen": 1,
    });
    let mut all = json!({
        "about": 31, "alarm": "gas", "appointment": "2026-11-26T10:00:00+08:00", "area": "三组团",
        "breach": "floor_drains", "buildings": ["3"], "by_caller_id": true,
        "category": "household", "channel": "phone", "checkpoints": [point],
        "completed_at_ms": NINE, "contact": record, "date": "2026-11-25",
        "department": "engineering", "description": "d", "desk": "前台", "due_ms": NINE,
        "effects": "停水", "emergency": "lift", "follow_up": "complaint", "from_person": 12,
        "group": GROUP, "installation": "water", "items": [item], "lines": [line],
        "matter": "repair", "measure": "小时", "month": "2026-11", "name": "n",
    });
    let more = json!({
        "notice": "planned", "of": record, "officer": 41, "order": record,
        "patrol": "fire_safety", "period": "2026-11", "phones": ["1"], "place": "3 栋",
        "plan": record, "priority": "urgent", "received_at_ms": NINE, "reception": record,
        "relation": "业主", "reported_at_ms": NINE, "requirements": "r",
        "responsible": "developer", "round": record, "salt": "s", "service": "household",
        "shift": "day", "shift_ends_at_ms": NINE, "source": "company",
        "source_department": "property", "starts_at_ms": NINE, "subject": "emergency",
        "task": "weekly_complaints", "unit": "3-2-1501", "units": ["3-2-1501"],
        "violation": "decoration", "work_from": "2026-11-26T10:00:00+08:00",
        "work_to": "2026-11-26T12:00:00+08:00",
    });
    for (name, value) in more.as_object().expect("members") {
        all[name] = value.clone();
    }
    let Value::Object(members) = &all else { panic!("members") };
    let filled = |text: String| {
        let left_out = ["None", "[]", "false"].iter().any(|empty| text.contains(empty));
        assert!(!left_out, "{kind} has a member that is not filled in: {text}");
    };
    macro_rules! of {
        ($created:ty) => {{
            let created: $created = serde_json::from_value(all.clone()).expect("members");
            filled(format!("{created:?}"));
            serde_json::to_value(created).expect("members")
        }};
    }
    let mut content = match kind {
        work_order::KIND => of!(work_order::WorkOrderCreated),
        contact::KIND => of!(contact::ContactCreated),
        patrol::PLAN => of!(patrol::PatrolPlanCreated),
        patrol::ROUND => of!(patrol::PatrolRoundCreated),
        alarm::KIND => of!(alarm::AlarmCreated),
        _ => {
            let content = OpeningContent::of(kind, members).expect("a kind");
            filled(format!("{content:?}"));
            Value::Object(content.members())
        }
    };
    content["kind"] = json!(kind);
    content["site"] = json!(SITE);
    content["schema"] = json!(1);
    content
}

/// A content whose `?` are the latest facts of the record that such a member names; where there is
/// none, a key that the record does not have.
pub fn resolved(content: &Value, story: &Story) -> Value {
    let latest = |fact_type: &str| {
        let mut facts = story.facts.iter().rev();
        facts.find(|fact| fact.payload.fact_type() == fact_type).map(|fact| fact.key)
    };
    let named = |member: &str| {
        match member {
            "visit" => "set_out",
            "quote" => "quoted",
            "charge" => "charged",
            "invoice" => "invoiced",
            "decision" => "violation_decided",
            "price" => "priced",
            "plan" => "plan_told",
            "passed" => "passed_up",
            "report" => "report_sent",
            "promise" => "reply_promised",
            "passing" => "passed_on",
            "attachment" => "attached_to",
            "question" => "asked",
            "of" => "created",
            other => other,
        }
        .to_owned()
    };
    let Value::Object(members) = content else { return content.clone() };
    let of = |(name, value): (&String, &Value)| {
        let is_key = value.as_str().is_some_and(|text| text.parse::<FactKey>().is_ok());
        let key = is_key.then(|| latest(&named(name))).flatten();
        (name.clone(), key.map_or_else(|| value.clone(), |key| json!(key)))
    };
    Value::Object(members.iter().map(of).collect())
}

/// Puts a fact into a story as it would be stored.
fn put(story: &mut Story, key: FactKey, fact_type: &str, content: Value) {
    let fact = Fact {
        key,
        wall_ms: story.now_ms,
        monotonic_ms: None,
        seen: Seen::default(),
        after: None,
        said_at_ms: None,
        on_behalf_of: None,
        corrects: Vec::new(),
        payload: Payload::from_parts(fact_type.to_owned(), content),
        stored_content: None,
    };
    story.facts.push(fact.store().expect("canonical").parse().expect("a fact"));
}

fn scene(kind: &'static str, state: &'static str, opened_with: Value, lines: Vec<Line>) -> Scene {
    let mut story = Story::new();
    story.desk();
    let mut content = opening(kind);
    // What says when it was, and whom it is about, moves no permission.
    let members = content.as_object_mut().expect("members");
    members.retain(|name, _| !["about", "received_at_ms", "reported_at_ms"].contains(&&**name));
    for (name, value) in opened_with.as_object().expect("members") {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    let opened = FactKey::Written { session: SessionId([12; 8]), n: 1, i: 0 };
    put(&mut story, opened, "created", content);
    let mut numbers = std::collections::BTreeMap::from([(12, 1)]);
    for (number, role, fact_type, content) in lines {
        let mut writer = story.writer(number, role);
        writer.n = numbers.get(&number).copied().unwrap_or(0);
        let content = resolved(&content, &story);
        let command = match fact_type {
            "set" => set(content["field"].as_str().expect("a field"), content["value"].clone()),
            _ => step(fact_type, content),
        };
        story.write(&mut writer, command);
        numbers.insert(number, writer.n);
    }
    let review = Some(story.review());
    Scene { kind, state, story, review, person: PersonId(50) }
}

/// The key of a fact that the record does not have; replaced by the latest one of its type.
pub const ANY: &str = "aebagbafaydqq.202.0";

const D: Role = Role::FrontDesk;
const T: Role = Role::Technician;
const S: Role = Role::Supervisor;
const M: Role = Role::ProjectManager;

/// Every kind in every state.
pub fn all() -> &'static [Scene] {
    static ALL: std::sync::LazyLock<Vec<Scene>> = std::sync::LazyLock::new(played);
    &ALL
}

fn played() -> Vec<Scene> {
    let kinds = super::kinds_of_records();
    let nothing = kinds.into_iter().map(|kind| {
        let (story, person) = (Story::new(), PersonId(50));
        Scene { kind, state: "", story, review: None, person }
    });
    let mut scenes: Vec<Scene> = nothing.collect();
    scenes.extend(orders());
    scenes.extend(paid_services());
    scenes.extend(patrols());
    scenes.extend(receptions());
    scenes.extend(complaints());
    scenes.extend(violations());
    scenes.extend(prices());
    scenes.extend(others());
    scenes
}

/// One of them.
pub fn of(kind: &str, state: &str) -> &'static Scene {
    let mut scenes = all().iter();
    let found = scenes.find(|scene| scene.kind == kind && scene.state == state);
    found.unwrap_or_else(|| panic!("no scene: {kind}, {state}"))
}

fn given(to: u32) -> Line {
    (12, D, "set", json!({ "field": "assignee", "value": to }))
}

fn visited() -> Vec<Line> {
    let of = json!({ "visit": ANY });
    vec![
        (31, T, "set_out", json!({ "grade": 2 })),
        (31, T, "quoted", json!({ "visit": ANY, "amount_fen": 5, "items": [] })),
        (
            31,
            T,
            "material",
            json!({ "visit": ANY, "name": "阀", "quantity_milli": 1, "unit": "个", "unit_price_fen": 1 }),
        ),
        (31, T, "quote_accepted", json!({ "quote": ANY })),
        (31, T, "finish_work", of),
        (31, T, "charged", json!({ "visit": ANY, "amount_fen": 5, "method": "cash" })),
        (12, D, "invoiced", json!({ "charge": ANY, "amount_fen": 5, "number": "A1" })),
    ]
}

fn orders() -> Vec<Scene> {
    const KIND: &str = work_order::KIND;
    let order =
        |state, category: &str, lines| scene(KIND, state, json!({ "category": category }), lines);
    let closed = vec![given(31), (12, D, "closed", json!({}))];
    vec![
        order("household, nobody named", "household", vec![]),
        order("household, given to the writer", "household", vec![given(50)]),
        order(
            "household, given to somebody else",
            "household",
            [vec![given(31)], visited()].concat(),
        ),
        order("household, closed", "household", closed),
        order("public, nobody named", "public", vec![]),
        order("public, given to somebody else", "public", vec![given(31)]),
    ]
}

fn paid_services() -> Vec<Scene> {
    const KIND: &str = "paid_service";
    let cleaning = || json!({ "department": "cleaning" });
    vec![
        scene(KIND, "cleaning's, not begun", cleaning(), vec![]),
        scene(KIND, "cleaning's, work finished", cleaning(), visited()),
    ]
}

fn patrols() -> Vec<Scene> {
    let round = |state, officer: u32, lines| {
        scene(patrol::ROUND, state, json!({ "officer": officer }), lines)
    };
    let finding = json!({ "finding": "other", "place": "p", "description": "d" });
    let walked = vec![
        (41, Role::PatrolOfficer, "round_started", json!({})),
        (41, Role::PatrolOfficer, "finding", finding),
    ];
    let settled = vec![(51, Role::Security, "alarm_settled", json!({ "text": "t" }))];
    vec![
        scene(patrol::PLAN, "made", json!({}), vec![]),
        round("the writer's", 50, vec![]),
        round("somebody else's, begun", 41, walked),
        scene(alarm::KIND, "open", json!({}), vec![]),
        scene(alarm::KIND, "settled", json!({}), settled),
        scene(contact::KIND, "there", json!({}), vec![]),
    ]
}

fn receptions() -> Vec<Scene> {
    const KIND: &str = "reception";
    let text = || json!({ "text": "t" });
    let attached = json!({ "record": RecordId([9; 16]).to_string() });
    let department = json!({ "department": "engineering", "text": "t" });
    let person = json!({ "person": 50, "text": "t" });
    let of = |state, lines| scene(KIND, state, json!({}), lines);
    vec![
        of("just taken down", vec![]),
        of(
            "promised, attached, passed on to engineering",
            vec![
                (12, D, "reply_promised", json!({ "by_ms": NINE })),
                (12, D, "attached_to", attached),
                (12, D, "passed_on", department),
            ],
        ),
        of("passed on to the writer", vec![(12, D, "passed_on", person)]),
        of("closed", vec![(12, D, "reception_closed", text())]),
    ]
}

fn complaints() -> Vec<Scene> {
    const KIND: &str = "complaint";
    let planned = |more: Vec<Line>| {
        let mut lines = vec![
            (12, D, "investigated", json!({ "text": "t" })),
            (12, D, "passed_up", json!({ "reason": "r", "to": "project_manager" })),
            (12, D, "plan_told", json!({ "text": "t" })),
        ];
        lines.extend(more);
        lines
    };
    let closed = (14, S, "complaint_closed", json!({ "text": "t" }));
    vec![
        scene(KIND, "of no department, just taken down", json!({ "department": null }), vec![]),
        scene(KIND, "of no department, plan told", json!({ "department": null }), planned(vec![])),
        scene(KIND, "engineering's, plan told", json!({}), planned(vec![])),
        scene(KIND, "engineering's, closed", json!({}), planned(vec![closed])),
    ]
}

fn assessed(members: Value) -> Line {
    let mut value = json!({ "loss": false, "threat": false, "reason": "r" });
    for (name, member) in members.as_object().expect("members") {
        value[name] = member.clone();
    }
    (12, D, "set", json!({ "field": "assessment", "value": value }))
}

fn violations() -> Vec<Scene> {
    const KIND: &str = "violation";
    let of = |state, lines| scene(KIND, state, json!({}), lines);
    let decided = |number, role, measure: Value| {
        let mut content = json!({ "reason": "r" });
        for (name, member) in measure.as_object().expect("members") {
            content[name] = member.clone();
        }
        (number, role, "violation_decided", content)
    };
    let rectify = || decided(14, S, json!({ "measure": "rectify_by", "date": "2026-12-01" }));
    let compensate = || decided(15, M, json!({ "measure": "compensate", "amount_fen": 5 }));
    let signed = || (15, M, "violation_signed", json!({ "decision": ANY }));
    let refused = (12, D, "compensation_refused", json!({ "decision": ANY }));
    let failed = || (14, S, "mediation_failed", json!({ "text": "t" }));
    let sizeable = || assessed(json!({ "loss": true, "sizeable": true }));
    let fees = || assessed(json!({ "fees_refused": true }));
    let closed = (14, S, "violation_closed", json!({ "text": "t" }));
    vec![
        of("not assessed", vec![]),
        of("general", vec![assessed(json!({}))]),
        of("general, decided", vec![assessed(json!({})), rectify()]),
        of("general, signed", vec![assessed(json!({})), rectify(), signed()]),
        of("general, closed", vec![assessed(json!({})), rectify(), signed(), closed]),
        of("serious, nothing lost", vec![assessed(json!({ "threat": true }))]),
        of("serious, small loss", vec![assessed(json!({ "loss": true }))]),
        of("serious, sizeable loss", vec![sizeable()]),
        of("compensation decided", vec![sizeable(), compensate()]),
        of("compensation signed", vec![sizeable(), compensate(), signed()]),
        of(
            "compensation refused, mediation failed",
            vec![sizeable(), compensate(), signed(), refused, failed()],
        ),
        of("fees refused", vec![fees()]),
        of("fees refused, mediation failed", vec![fees(), failed()]),
    ]
}

fn prices() -> Vec<Scene> {
    const KIND: &str = "price_item";
    let priced = || {
        let content = json!({ "amount_fen": 5, "from_date": "2026-11-25" });
        (21, Role::OperationsManager, "priced", content)
    };
    let approved = || (22, Role::GeneralManager, "price_approved", json!({ "price": ANY }));
    let of = |state, service: &str, lines| scene(KIND, state, json!({ "service": service }), lines);
    vec![
        of("household service, no price", "household", vec![]),
        of("household service, price proposed", "household", vec![priced()]),
        of("household service, price approved", "household", vec![priced(), approved()]),
        of("home repair, no price", "home_repair", vec![]),
        of("home repair, price proposed", "home_repair", vec![priced()]),
        of("business service, price proposed", "business", vec![priced()]),
        of("business service, price approved", "business", vec![priced(), approved()]),
    ]
}

fn others() -> Vec<Scene> {
    let handed = |number| vec![(number, D, "handed_over", json!({}))];
    let taken = [handed(12), vec![(13, Role::DutyOperator, "taken_over", json!({}))]].concat();
    let task =
        |state, task: &str, lines| scene("periodic_task", state, json!({ "task": task }), lines);
    let report = json!({ "text": "t", "cause": "c", "lesson": "l", "action": "a" });
    let sent = |report: &Value| vec![(15, M, "report_sent", report.clone())];
    let notice = |state, lines| scene("repair_notice", state, json!({}), lines);
    let call = |state, lines| scene("follow_up", state, json!({}), lines);
    vec![
        scene("hand_over", "not handed over", json!({}), vec![]),
        scene("hand_over", "handed over by somebody else", json!({}), handed(12)),
        scene("hand_over", "handed over by the writer", json!({}), handed(50)),
        scene("hand_over", "taken over", json!({}), taken),
        task("weekly complaints, due", "weekly_complaints", vec![]),
        task("weekly complaints, sent", "weekly_complaints", sent(&report)),
        task("monthly complaints, due", "monthly_complaints", vec![]),
        task("monthly complaints, sent", "monthly_complaints", sent(&report)),
        task("complaint trend, due", "complaint_trend", vec![]),
        task("reception review, due", "reception_review", vec![]),
        task("patrol plan, due", "patrol_plan", vec![]),
        notice("not published", vec![]),
        notice("published", vec![(12, D, "notice_published", json!({}))]),
        call("open", vec![]),
        call("closed", vec![(12, D, "follow_up_closed", json!({ "text": "t" }))]),
    ]
}

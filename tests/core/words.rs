//! Every code has words in both languages, and every text is somebody's words.

use std::collections::BTreeSet;

use sync_core::model::person::Role;
use sync_core::model::roster::Duty;
use sync_core::protocol::message::Outcome;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::cases::CASES;
use sync_core::rules::deadlines::DEADLINES;
use sync_core::rules::patrol::ANOMALIES;
use sync_core::rules::visit::DEVIATIONS;
use sync_core::rules::{DenialCode, Status};
use sync_core::texts::{Catalogue, Language, has_text, id_of, source, text};

fn needed() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut add = |group: &str, codes: Vec<String>| {
        ids.extend(codes.iter().map(|code| id_of(group, code)));
    };
    let strings = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
    add("case", strings(&CASES));
    add("deviation", strings(&DEVIATIONS));
    add("deadline", strings(&DEADLINES));
    add(
        "deadline",
        strings(&[
            "state_met",
            "state_running",
            "state_paused",
            "state_breached",
            "state_unknown",
            "state_excused",
        ]),
    );
    add("wait", strings(&["ring_pause", "knock_pause", "no_answer_wait", "work", "pause"]));
    // What an app shows before a step of the door-entry procedure.
    let prompts = [
        "set_out",
        "prepare",
        "ring",
        "knock",
        "no_answer",
        "introduce",
        "enter",
        "shoe_covers",
        "entered_with_key",
        "scope_confirmed",
        "valuables_reminded",
        "quoted",
        "start_work",
        "unable_to_finish",
        "tidy",
        "explain",
        "charged",
        "signed",
        "farewell",
    ];
    add("prompt", strings(&prompts));
    add("denial", DenialCode::ALL.iter().map(ToString::to_string).collect());
    add("status", Status::ALL.iter().map(|status| status.code()).collect());
    add("role", Role::ALL.iter().map(|role| role.code()).collect());
    add("problem", ProblemCode::ALL.iter().map(|code| code.code().to_owned()).collect());
    patrols(&mut add);
    violations(&mut add);
    money(&mut add);
    forms(&mut add);
    receptions(&mut add);
    complaints(&mut add);
    add("store", strings(&sync_core::store::STORE_CODES));
    add("lost", strings(&sync_core::store::LOST_CODES));
    add("duty", Duty::ALL.iter().map(|duty| duty.code().to_owned()).collect());
    add("sheet", strings(&fieldbook_server::import::CODES));
    add("swap", strings(&fieldbook_server::people::roster::swap::CODES));
    let outcomes =
        [Outcome::Entered, Outcome::Rewritten, Outcome::Held, Outcome::Refused, Outcome::NotStored];
    add("outcome", outcomes.iter().map(|outcome| outcome.code().to_owned()).collect());
    ids
}

fn code(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).expect("a code");
    value.as_str().expect("a code is a text").to_owned()
}

fn patrols(add: &mut impl FnMut(&str, Vec<String>)) {
    use sync_core::model::alarm::AlarmKind;
    use sync_core::model::patrol::{CheckResult, Checklist, FindingKind, PatrolKind, VisitMethod};
    use sync_core::model::violation::ViolationCategory;
    use sync_core::rules::InboxKind;

    add("patrol", PatrolKind::ALL.iter().map(code).collect());
    add("checklist", Checklist::ALL.iter().map(code).collect());
    let items = Checklist::ALL.iter().flat_map(|list| list.items());
    add("item", items.map(|item| (*item).to_owned()).collect());
    let results = [CheckResult::Ok, CheckResult::NotOk, CheckResult::NotApplicable];
    add("check", results.iter().map(code).collect());
    let methods = [VisitMethod::QrCode, VisitMethod::Nfc, VisitMethod::Gps, VisitMethod::Manual];
    add("method", methods.iter().map(code).collect());
    let findings = [
        FindingKind::Facility,
        FindingKind::Decoration,
        FindingKind::FireSafety,
        FindingKind::Sanitation,
        FindingKind::PublicSecurity,
        FindingKind::HarmToOthers,
        FindingKind::Other,
    ];
    add("finding", findings.iter().map(code).collect());
    add("violation", ViolationCategory::ALL.iter().map(code).collect());
    let alarms = [AlarmKind::Gas, AlarmKind::Burning, AlarmKind::RoundNotStarted, AlarmKind::Other];
    add("alarm", alarms.iter().map(code).collect());
    add("inbox", InboxKind::ALL.iter().map(code).collect());
    add("anomaly", ANOMALIES.iter().map(|code| (*code).to_owned()).collect());
}

fn money(add: &mut impl FnMut(&str, Vec<String>)) {
    use sync_core::model::hand_over::Shift;
    use sync_core::model::price_item::ServiceKind;
    use sync_core::rules::cash::CashKind;

    add("service", ServiceKind::ALL.iter().map(code).collect());
    add("shift", Shift::ALL.iter().map(code).collect());
    add("cash", [CashKind::HandedIn, CashKind::Refunded].iter().map(code).collect());
}

/// What forms ask for, and whatever can be chosen in them.
fn forms(add: &mut impl FnMut(&str, Vec<String>)) {
    use sync_core::model::department::Department;
    use sync_core::rules::form::Asks;
    use sync_core::rules::{forms, kinds};

    add("kind", kinds().map(str::to_owned).collect());
    add("department", Department::KNOWN.iter().map(|known| known.code().to_owned()).collect());
    for input in kinds().flat_map(forms).flat_map(|form| form.every_input()) {
        add("field", vec![input.words.to_owned()]);
        if let Asks::Choice(group, codes) = input.asks {
            add(group, codes.iter().map(|code| (*code).to_owned()).collect());
        }
    }
}

fn violations(add: &mut impl FnMut(&str, Vec<String>)) {
    use sync_core::model::violation::{LegalGround, Severity, ViolationCategory};

    add("severity", [Severity::General, Severity::Serious].iter().map(code).collect());
    let measures = ["dissuade", "rectify_by", "compensate", "public_notice", "legal_action"]
        .map(str::to_owned);
    add("measure", measures.to_vec());
    let grounds = [LegalGround::CompensationRefused, LegalGround::FeesRefused];
    add("legal-ground", grounds.iter().map(code).collect());
    let breaches = ViolationCategory::ALL.iter().flat_map(|category| category.breaches());
    add("breach", breaches.map(|breach| (*breach).to_owned()).collect());
}

fn receptions(add: &mut impl FnMut(&str, Vec<String>)) {
    use sync_core::model::follow_up::FollowUpReason;
    use sync_core::model::reception::{Channel, Matter};
    use sync_core::model::repair_notice::{Installation, NoticeKind};

    add("channel", Channel::ALL.iter().map(code).collect());
    add("matter", Matter::ALL.iter().map(code).collect());
    add("price", ["amount", "on_site"].map(str::to_owned).to_vec());
    add("notice", NoticeKind::ALL.iter().map(code).collect());
    add("installation", Installation::ALL.iter().map(code).collect());
    add("follow-up", FollowUpReason::ALL.iter().map(code).collect());
}

fn complaints(add: &mut impl FnMut(&str, Vec<String>)) {
    use sync_core::model::complaint::{
        ComplaintSeverity, ComplaintSource, ComplaintSubject, Emergency, LadderStep,
        ResponsibleParty, Validity,
    };
    use sync_core::model::periodic::PeriodicTask;
    use sync_core::rules::complaint::MajorBy;

    add("subject", ComplaintSubject::ALL.iter().map(code).collect());
    add("emergency", Emergency::ALL.iter().map(code).collect());
    add("complaint-source", ComplaintSource::ALL.iter().map(code).collect());
    add("responsible", ResponsibleParty::ALL.iter().map(code).collect());
    add("validity", Validity::ALL.iter().map(code).collect());
    add("complaint-severity", ComplaintSeverity::ALL.iter().map(code).collect());
    add("ladder-step", LadderStep::ALL.iter().map(code).collect());
    add("major-by", MajorBy::ALL.iter().map(code).collect());
    add("task", PeriodicTask::ALL.iter().map(code).collect());
}

#[test]
fn every_code_has_words_in_both_languages() {
    for id in needed() {
        for language in [Language::ZhCn, Language::En] {
            assert!(has_text(language, &id), "{id} has no words in {language}");
        }
    }
}

fn ids(catalogue: &str) -> BTreeSet<&str> {
    catalogue.lines().filter_map(|line| line.split_once(" = ")).map(|(id, _)| id).collect()
}

#[test]
fn both_catalogues_hold_the_same_ids() {
    let chinese = ids(source(Language::ZhCn));
    let english = ids(source(Language::En));
    assert_eq!(chinese, english);
    assert!(chinese.len() > 200);
}

#[test]
fn the_offices_catalogues_hold_the_same_ids_and_none_of_the_departments() {
    let chinese = ids(include_str!("../../server/texts/zh-CN/office.ftl"));
    let english = ids(include_str!("../../server/texts/en/office.ftl"));
    assert_eq!(chinese, english);
    assert!(chinese.len() > 100);
    let own = |id: &&&str| !id.starts_with("office-");
    assert_eq!(chinese.iter().find(own), None, "the office's words begin with office-");
}

#[test]
fn a_catalogue_of_two_sources_has_the_words_of_both() {
    let own = include_str!("../../server/texts/en/office.ftl");
    let both = Catalogue::new(Language::En, &[source(Language::En), own]);
    assert_eq!(both.text("office-sign-in", &[]), "Sign in");
    assert_eq!(both.text("status-closed", &[]), text(Language::En, "status-closed", &[]));
    assert!(both.has("office-today") && !has_text(Language::En, "office-today"));
    assert_eq!(both.text("no-such-id", &[]), "no-such-id");
}

#[test]
fn codes_that_are_gone_take_their_words_along() {
    let needed = needed();
    for id in ids(source(Language::ZhCn)) {
        let group = id.split('-').next().unwrap_or_default();
        let groups = [
            "case",
            "deviation",
            "denial",
            "status",
            "role",
            "problem",
            "outcome",
            "prompt",
            "duty",
            "sheet",
            "swap",
            "store",
            "lost",
        ];
        if groups.contains(&group) {
            assert!(needed.contains(id), "{id} is nobody's");
        }
    }
}

#[test]
fn a_missing_id_shows_itself_and_arguments_stand_unchanged() {
    assert_eq!(text(Language::ZhCn, "no-such-id", &[]), "no-such-id");
    let name = "王\u{202e}师傅👨‍👩‍👧";
    let words = text(
        Language::ZhCn,
        "account-closes",
        &[
            ("person", name),
            ("saved", "31"),
            ("accepted", "29"),
            ("held", "0"),
            ("refused", "1"),
            ("on_phone", "1"),
        ],
    );
    assert_eq!(words, format!("{name}：已保存 31 = 已接受 29 + 退回 1 + 仍在手机上 1"));
}

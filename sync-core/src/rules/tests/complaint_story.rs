//! What the stories of complaints and periodic tasks stand on: a server that writes what follows.

use super::*;
use crate::model::complaint::{ComplaintCreated, ComplaintSource, ComplaintSubject, Escalated};
use crate::model::payload::{GeneralFact, Payload};
use crate::rules::complaint::Complaint;
use crate::rules::{Details, follows};

pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
/// Friday 2026-11-27T16:00:00+08:00.
pub const FRIDAY: i64 = NINE + 2 * DAY + 7 * HOUR;

impl Story {
    /// What the server writes at this moment, until nothing more follows. It must come to an end.
    pub fn server(&mut self) {
        for _ in 0..20 {
            let follows = follows(&self.review(), self.now_ms);
            if follows.is_empty() {
                return;
            }
            for follow in follows {
                let known: Vec<FactKey> = self.facts.iter().map(|fact| fact.key).collect();
                assert!(!known.contains(&self.derive(&follow)), "each once");
            }
        }
        panic!("it never ends");
    }

    /// A complaint, received on Friday at four.
    pub fn complaint(created: ComplaintCreated) -> (Self, Writer) {
        let mut story = Self::new();
        story.now_ms = FRIDAY;
        let mut desk = story.desk();
        story.write(&mut desk, Command::Open { site: SITE, content: created.into() });
        (story, desk)
    }

    /// The escalations that stand: to whose step, and when they were due.
    pub fn escalations(&self) -> Vec<(String, String)> {
        let review = self.review();
        let standing = of(&review).escalations.iter().filter(|one| !one.withdrawn);
        standing.map(|one| local(&one.content)).collect()
    }

    pub fn fallen(&self) -> Vec<i64> {
        let due = self.facts.iter().filter_map(|fact| match &fact.payload {
            Payload::General(GeneralFact::FellDue(fell)) => Some(fell.due_ms),
            _ => None,
        });
        due.collect()
    }
}

fn local(escalated: &Escalated) -> (String, String) {
    (escalated.to.role().code(), shanghai(escalated.due_ms))
}

pub fn shanghai(at_ms: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at_ms).expect("a moment");
    at.with_timezone(&chrono_tz::Asia::Shanghai).format("%m-%d %H:%M").to_string()
}

pub fn created(subject: ComplaintSubject) -> ComplaintCreated {
    ComplaintCreated {
        subject,
        emergency: None,
        reception: None,
        unit: Some("3-2-1501".to_owned()),
        group: None,
        contact: None,
        about: None,
        department: None,
        source: ComplaintSource::Customer,
        source_department: None,
        responsible: None,
        description: "楼道三天没有打扫".to_owned(),
        received_at_ms: None,
    }
}

pub fn of(review: &Review) -> &Complaint {
    match &review.details {
        Some(Details::Complaint(complaint)) => complaint,
        other => panic!("{other:?}"),
    }
}

pub fn judged(members: Value) -> Command {
    let mut value = json!({ "validity": "valid", "severity": "minor", "reason": "已核实" });
    for (name, member) in members.as_object().expect("members") {
        value[name] = member.clone();
    }
    if value["validity"] != "valid" {
        value.as_object_mut().expect("members").remove("severity");
    }
    set("judgement", value)
}

//! What an edit of the workload is in Fieldbook: one command, and how its fact is read back as the
//! very edit. Where the department has a fact of its own for it, that fact is written; an edit
//! without one is a note that holds its operations as JSON. Nothing is left to the reader's
//! knowledge of the workload: what a fact does not say by itself is not written as that fact.

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, SiteId};
use sync_core::model::time::WallMs;
use sync_core::model::work_order::{Category, Priority, WorkOrderCreated};
use sync_core::rules::{Command, Review};

use super::workload::apply;

/// Steps of the door-entry procedure (DOMAIN 4) and what the workload calls them; its others
/// (reaching the grounds, the gate's register, the call) are no steps of it.
const STEPS: [(&str, &str); 9] = [
    ("出发", "set_out"),
    ("敲门", "knock"),
    ("客户开门", "enter"),
    ("出示工牌", "introduce"),
    ("穿鞋套", "shoe_covers"),
    ("确认故障", "scope_confirmed"),
    ("开始作业", "start_work"),
    ("清理现场", "tidy"),
    ("离开", "farewell"),
];

/// The grade of the site fixed into a visit.
const GRADE: u8 = 2;

/// One record while its edits are written or read.
#[derive(Default)]
pub struct Filled {
    /// The technician's name in it: who does the steps.
    technician: String,
    /// The visit it has, once somebody set out.
    visit: Option<FactKey>,
}

impl Filled {
    /// The command that carries an edit.
    pub fn command(&mut self, site: SiteId, edit: &Value) -> Command {
        let opened = &edit[0][2];
        if edit[0][1] == json!([]) {
            self.technician = opened["assignee"]["name"].as_str().unwrap_or_default().to_owned();
            return open(site, opened);
        }
        self.step(edit).unwrap_or_else(|| Command::Note { text: edit.to_string() })
    }

    /// What a command was saved as: a visit is named by its first step.
    pub fn saved(&mut self, command: &Command, key: FactKey) {
        if let Command::Record { fact, .. } = command
            && serde_json::to_value(fact).is_ok_and(|fact| fact["t"] == "set_out")
        {
            self.visit = Some(key);
        }
    }

    fn step(&self, edit: &Value) -> Option<Command> {
        let at_s = edit[1][2].as_i64()?;
        let visit = self.visit;
        let (name, content) = match edit[0][0].as_str()? {
            "text" => ("advice", json!({ "visit": visit?, "text": edit[0][2] })),
            "push" => {
                let line = &edit[0][2];
                let name = STEPS.iter().find(|(step, _)| line["step"] == *step)?.1;
                (name, content(name, visit)?)
            }
            _ => return None,
        };
        let fact = json!({ "t": name, "p": content });
        let read = self.read(name, &content, Some(at_s * 1_000));
        if read.as_ref() != Some(edit) {
            return None;
        }
        let command = json!({ "command": "record", "fact": fact, "said_at_ms": at_s * 1_000 });
        serde_json::from_value(command).ok()
    }

    /// The edit that a fact carries; none for what the server wrote by a rule.
    pub fn read(&self, name: &str, content: &Value, said_at_ms: Option<WallMs>) -> Option<Value> {
        match name {
            "created" => {
                let opened = serde_json::from_str(content["description"].as_str()?).ok()?;
                Some(json!([["set", [], Value::Object(opened)]]))
            }
            "note" => serde_json::from_str(content["text"].as_str()?).ok(),
            "advice" => {
                let set = json!(["set", ["updated_at"], said_at_ms? / 1_000]);
                Some(json!([["text", ["notes"], content["text"]], set]))
            }
            step => {
                let step = STEPS.iter().find(|(_, name)| *name == step)?.0;
                let at = said_at_ms? / 1_000;
                let line = json!({ "step": step, "at": at, "by": self.technician, "ok": true });
                Some(json!([["push", ["door_log"], line], ["set", ["updated_at"], at]]))
            }
        }
    }
}

/// The record that a review's facts come to.
pub fn rebuild(review: &Review) -> Value {
    let mut record = json!({});
    let mut filled = Filled::default();
    for entry in &review.timeline {
        let edit = filled.read(&entry.fact_type, &entry.content, entry.said_at_ms);
        let Some(edit) = edit else { continue };
        apply(&mut record, &edit);
        filled.technician = record["assignee"]["name"].as_str().unwrap_or_default().to_owned();
    }
    record
}

fn open(site: SiteId, opened: &Value) -> Command {
    let order = WorkOrderCreated {
        category: Category::Household,
        unit: opened["site"]["room"].as_str().map(str::to_owned),
        group: None,
        place: None,
        contact: None,
        description: opened.to_string(),
        priority: if opened["priority"] == 1 { Priority::Urgent } else { Priority::Appointed },
        // Long ago: its minutes are over, and no deadline falls due while something is measured.
        reported_at_ms: opened["created_at"].as_i64().map(|at_s| at_s * 1_000),
        round: None,
        reception: None,
    };
    Command::CreateWorkOrder { site, order }
}

fn content(step: &str, visit: Option<FactKey>) -> Option<Value> {
    Some(match (step, visit) {
        ("set_out", None) => json!({ "grade": GRADE }),
        ("tidy", Some(visit)) => json!({ "visit": visit, "equipment_wiped": true,
            "floor_clean": true, "tools_counted": true }),
        (_, visit) => json!({ "visit": visit? }),
    })
}

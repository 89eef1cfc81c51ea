//! Three writers, every order of arrival: the same record everywhere, and a conflict that stays
//! until someone decides.

use serde_json::{Value, json};
use sync_core::model::id::RecordId;

use super::phone::{Phone, denial};
use super::stage::{Office, Stage, facts, notes, open_cases};

const TEN: &str = "2026-11-26T10:00:00+08:00";
const TWO: &str = "2026-11-26T14:00:00+08:00";
const FOUR: &str = "2026-11-26T16:00:00+08:00";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Writer {
    Wang,
    Chen,
    Office,
}
use Writer::{Chen, Office as Desk, Wang};

const ORDERS: [[Writer; 3]; 6] = [
    [Wang, Chen, Desk],
    [Wang, Desk, Chen],
    [Chen, Wang, Desk],
    [Chen, Desk, Wang],
    [Desk, Wang, Chen],
    [Desk, Chen, Wang],
];

fn appointment(value: &str) -> Value {
    json!({ "command": "set", "field": "appointment", "value": value })
}

/// Both phones edit a field of their own and the same one, and add facts, without signal.
async fn work_offline(stage: &Stage, wang: &Phone, chen: &Phone, record: RecordId) -> [i64; 2] {
    stage.pass_ms(1_000);
    wang.perform(record, appointment(TEN)).await;
    let wang_ms = stage.now_ms();
    wang.step(record, "received", Value::Null).await;
    wang.note(record, "王：带梯子").await;
    stage.pass_ms(1_000);
    chen.perform(record, appointment(TWO)).await;
    let chen_ms = stage.now_ms();
    let priority = json!({ "command": "set", "field": "priority", "value": "appointed" });
    chen.perform(record, priority).await;
    chen.note(record, "陈：客户下午在家").await;
    [wang_ms, chen_ms]
}

/// The desk writes a field of its own and the contended one, as it stands when the desk's turn
/// comes: answers the status of the latter.
async fn desk_writes(office: &mut Office, record: RecordId) -> u16 {
    let text = json!({ "field": "description", "value": "厨房角阀漏水" });
    office.order(record, "set", text).await;
    office.order(record, "note", json!({ "text": "孙：已回电" })).await;
    let path = format!("/v1/work-orders/{record}/set");
    let body = json!({ "field": "appointment", "value": FOUR });
    office.post(&path, &body).await.0
}

/// R8.6
#[tokio::test]
async fn three_writers_in_every_order_of_arrival_end_with_equal_records_everywhere() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (wang, chen) = (stage.phone(stage.wang).await, stage.phone(stage.chen).await);
    for order in ORDERS {
        let record = office.dispatch(stage.wang, "厨房漏水").await;
        wang.sync().await;
        chen.sync().await;
        let [wang_ms, chen_ms] = work_offline(&stage, &wang, &chen, record).await;
        stage.pass_ms(1_000);
        let mut desk = (0, 0);
        for writer in order {
            match writer {
                Wang => assert_eq!(wang.sync().await.refused, 0),
                Chen => assert_eq!(chen.sync().await.refused, 0),
                Desk => desk = (desk_writes(&mut office, record).await, stage.now_ms()),
            }
        }
        wang.sync().await;
        chen.sync().await;
        let review = stage.all_equal(&office, &[&wang, &chen], record).await;
        let fields = &review["fields"];
        assert_eq!(fields["priority"]["value"], "appointed", "{order:?}");
        assert_eq!(fields["description"]["value"], "厨房角阀漏水", "{order:?}");
        assert_eq!(notes(&review).len(), 3, "{order:?}");
        assert_eq!(facts(&review, "received").len(), 1, "{order:?}");

        // A value that the desk had before its eyes is replaced; what nobody saw stands beside it.
        let said_by_wang = json!([TEN, stage.wang, wang_ms]);
        let said_by_chen = json!([TWO, stage.chen, chen_ms]);
        let said_by_desk = json!([FOUR, stage.sun, desk.1]);
        let (status, mut expected) = match order {
            [Desk, ..] => (200, vec![said_by_wang, said_by_chen, said_by_desk]),
            [Wang, Desk, _] => (200, vec![said_by_chen, said_by_desk]),
            [Chen, Desk, _] => (200, vec![said_by_wang, said_by_desk]),
            _ => (422, vec![said_by_wang, said_by_chen]),
        };
        assert_eq!(desk.0, status, "{order:?}");
        let sides = conflict(&review);
        expected.sort_by_key(ToString::to_string);
        assert_eq!(sides, expected, "{order:?}");
    }
}

/// Value, who and when of every side of the appointment's conflict.
fn conflict(review: &Value) -> Vec<Value> {
    let cases = open_cases(review, "field_conflict");
    let [case] = cases[..] else { panic!("one conflict: {cases:?}") };
    assert_eq!(case["params"]["field"], "appointment");
    let said = |side: &Value| json!([side["value"], side["by"], side["at_ms"]]);
    let mut sides: Vec<Value> = case["sides"].as_array().expect("sides").iter().map(said).collect();
    sides.sort_by_key(ToString::to_string);
    sides
}

#[tokio::test]
async fn a_conflict_stays_through_further_edits_until_the_office_resolves_it() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (wang, chen) = (stage.phone(stage.wang).await, stage.phone(stage.chen).await);
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    chen.sync().await;
    work_offline(&stage, &wang, &chen, record).await;
    chen.sync().await;
    wang.sync().await;
    chen.sync().await;
    let before = conflict(&stage.all_equal(&office, &[&wang, &chen], record).await);
    assert_eq!(before.len(), 2);

    // Unrelated edits of all three; the field itself is for whoever resolves.
    wang.note(record, "还在路上").await;
    let place = json!({ "command": "set", "field": "place", "value": "厨房" });
    chen.perform(record, place).await;
    office.order(record, "note", json!({ "text": "催单" })).await;
    let refused = denial(wang.try_perform(record, appointment(FOUR)).await);
    assert_eq!(refused, ("field_in_conflict".to_owned(), json!({ "field": "appointment" })));
    for phone in [&wang, &chen, &wang] {
        phone.sync().await;
    }
    let after = conflict(&stage.all_equal(&office, &[&wang, &chen], record).await);
    assert_eq!(after, before);

    let resolve = json!({ "field": "appointment", "value": TWO, "reason": "客户来电确认" });
    office.order(record, "resolve", resolve).await;
    wang.sync().await;
    chen.sync().await;
    let review = stage.all_equal(&office, &[&wang, &chen], record).await;
    assert_eq!(open_cases(&review, "field_conflict"), [] as [&Value; 0]);
    assert_eq!(review["fields"]["appointment"]["value"], TWO);
    wang.perform(record, appointment(FOUR)).await;
}

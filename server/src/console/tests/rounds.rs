//! Rounds and alarms, written by an officer's own session.

use sync_core::model::alarm::{AlarmCreated, AlarmKind};
use sync_core::model::patrol::{
    CheckResult, Checked, Checklist, Checkpoint, CheckpointVisited, Finding, FindingKind,
    PatrolFact, PatrolKind, PatrolRoundCreated, Position, VisitMethod,
};
use sync_core::model::person::Role;
use sync_core::rules::Command;

use super::*;
use crate::people::grant::{self, NewGrant};
use crate::people::office::OfficeSession;
use crate::sync::OfficeWrite;
use crate::testing::START_MS;

async fn officer(site: &Site) -> OfficeSession {
    let mut conn = site.world.write().await;
    let act = site.world.app.act();
    let person = directory::add(&mut conn, act, "赵巡查", None).await.expect("added");
    let (from_ms, to_ms, on_behalf_of) = (START_MS, None, None);
    let role = Role::PatrolOfficer;
    let new = NewGrant { person, role, site: SITE, from_ms, to_ms, on_behalf_of };
    grant::grant(&mut conn, act, &new).await.expect("granted");
    let randomness = site.world.app.randomness.as_ref();
    let opened = office::open(&mut conn, START_MS, person, randomness).await.expect("opens");
    conn.commit().await.expect("commits");
    opened.0
}

async fn write(
    site: &Site,
    session: &OfficeSession,
    record: Option<RecordId>,
    command: Command,
) -> RecordId {
    let OfficeSession { person, device, session, .. } = *session;
    let write = OfficeWrite { person, device, session, record, command };
    site.world.app.sync.office(write).await.expect("written").record
}

fn checkpoint(index: i64) -> Checkpoint {
    let (latitude_e7, longitude_e7) = (302_700_000 + index * 2_000, 1_201_500_000 - index * 900);
    Checkpoint {
        code: format!("3-stair-{index}"),
        name: format!("3 栋 {index} 层楼道"),
        checklist: Some(Checklist::Stairwell),
        items: None,
        tag: Some(format!("tag-{index}")),
        position: Some(Position { latitude_e7, longitude_e7, accuracy_m: None }),
        radius_m: None,
    }
}

fn visited(index: i64, tag: i64) -> Command {
    Command::step(PatrolFact::CheckpointVisited(CheckpointVisited {
        checkpoint: format!("3-stair-{index}"),
        method: VisitMethod::QrCode,
        tag: Some(format!("tag-{tag}")),
        position: None,
        photo: None,
    }))
}

/// A round of three points: one visited with a lamp that is out, one with another's tag, one
/// missed.
pub async fn walked(site: &Site, session: &OfficeSession) -> RecordId {
    let round = PatrolRoundCreated {
        patrol: PatrolKind::FireSafety,
        area: "3 栋".into(),
        officer: session.person,
        plan: None,
        starts_at_ms: None,
        checkpoints: (1..=3).map(checkpoint).collect(),
    };
    let record =
        write(site, session, None, Command::CreateRound { site: SITE, from: None, round }).await;
    let lamp = Checked {
        checkpoint: "3-stair-1".into(),
        item: "lights".into(),
        result: CheckResult::NotOk,
        note: Some("二层灯不亮<script>".into()),
        photo: None,
    };
    let finding = Finding {
        finding: FindingKind::Facility,
        place: "3 栋 1 层楼道".into(),
        checkpoint: Some("3-stair-1".into()),
        item: Some("lights".into()),
        description: "楼道灯不亮".into(),
        settled: false,
        known_as: None,
        photos: Vec::new(),
    };
    for command in [
        Command::step(PatrolFact::RoundStarted),
        visited(1, 1),
        Command::step(PatrolFact::Checked(lamp)),
        Command::step(PatrolFact::Finding(finding)),
        visited(2, 1),
        Command::step(PatrolFact::RoundFinished),
    ] {
        site.world.clock.pass_ms(60_000);
        write(site, session, Some(record), command).await;
    }
    record
}

/// R7.21
#[tokio::test]
async fn a_round_shows_what_was_covered_what_was_missed_and_what_was_odd() {
    let site = Site::new().await;
    let session = officer(&site).await;
    let record = walked(&site, &session).await;
    let desk = site.desk("chen").await;
    let path = format!("/office/rounds/{record}");
    let page = site.open(&desk, &path).await;
    assert!(page.contains("data-coverage=\"2/3\""), "{page}");
    let row = |point: &str| {
        let rest = page.split_once(&format!("data-checkpoint=\"{point}\"")).expect("a row").1;
        rest.split("</tr>").next().expect("its end").to_owned()
    };
    assert!(row("3-stair-1").contains("照明: 二层灯不亮&lt;script&gt;"), "{}", row("3-stair-1"));
    assert!(row("3-stair-2").contains("标签与点位不符"), "{}", row("3-stair-2"));
    assert!(row("3-stair-3").contains("漏巡") && row("3-stair-3").contains("—"));
    // An element left open would swallow what follows it, and nothing of that would be drawn.
    assert_eq!(page.matches("<circle").count(), 3);
    assert_eq!(page.matches("</circle>").count(), 3);
    assert_eq!(page.matches("</polyline>").count(), 1);
    let order = after(&page, "· <a href=\"/office/orders/").to_owned();
    let opened = site.open(&desk, &format!("/office/orders/{order}")).await;
    assert!(opened.contains("楼道灯不亮"), "{opened}");
    let home = site.open(&desk, "/office").await;
    assert!(home.contains(&format!("data-round=\"{record}\"")) && home.contains("2 / 3"));
    assert!(site.open(&desk, &format!("{path}?lang=en")).await.contains("Missed"));
    let note = [("csrf", desk.csrf.as_str()), ("key", "k"), ("text", "已阅")];
    let answer = site.submit(&desk, &format!("{path}/note"), &note).await;
    assert_eq!((answer.status, answer.header("location")), (303, path.as_str()));
    let found = site.get(&format!("/office/records/{record}"), &desk.reads()).await;
    assert_eq!((found.status, found.header("location")), (303, path.as_str()));
    let other = site.get(&format!("/office/orders/{record}"), &desk.reads()).await;
    assert_eq!(other.status, 404, "a round is no order");
}

/// R0.18
#[tokio::test]
async fn an_alarm_stands_above_everything_until_it_is_taken_on_and_settled() {
    let site = Site::new().await;
    let session = officer(&site).await;
    let alarm = AlarmCreated {
        alarm: AlarmKind::Gas,
        place: "3-2-1501".into(),
        description: None,
        round: None,
    };
    let raise = Command::RaiseAlarm { site: SITE, alarm };
    let record = write(&site, &session, None, raise).await;
    let desk = site.desk("chen").await;
    let page = site.open(&desk, "/office").await;
    let alarms = page.find(&format!("data-alarm=\"{record}\"")).expect("there");
    assert!(alarms < page.find("id=\"waiting\"").expect("there"), "alarms come first");
    let press = |action: &'static str, key: &'static str, text: &'static str| {
        let path = format!("/office/alarms/{record}/{action}");
        let pairs = [("csrf", desk.csrf.clone()), ("key", key.into()), ("text", text.into())];
        (path, pairs)
    };
    for (action, key, text, after) in
        [("acknowledge", "1", "", "acknowledged"), ("settle", "2", "阀门没关紧，已关好", "settled")]
    {
        let (path, pairs) = press(action, key, text);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = site.submit(&desk, &path, &pairs).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/office"), "{action}");
        let read = site.world.app.sync.read(record).await.expect("reads").expect("there");
        assert_eq!(read.2.status.code(), after);
    }
    assert!(!site.open(&desk, "/office").await.contains("data-alarm"));
}

//! What administrators do to people and places, and what it leaves behind.

use serde_json::json;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::Role;
use sync_core::model::time::Seen;
use sync_core::protocol::problem::ProblemCode;

use super::grant::NewGrant;
use super::{Act, directory, grant, place};
use crate::Error;
use crate::testing::{START_MS, World};

const ACT: Act = Act { at_ms: START_MS, by: None };

fn code<T: std::fmt::Debug>(result: crate::Result<T>) -> ProblemCode {
    match result {
        Err(Error::Problem { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_change_raises_the_reference_version_and_is_in_the_audit_log() {
    let world = World::new().await;
    let mut conn = world.write().await;
    let site = place::add_site(&mut conn, ACT, Some(SiteId(7)), "云栖花园").await.expect("added");
    let person = directory::add(&mut conn, ACT, "王建国", None).await.expect("added");
    let new = NewGrant {
        person,
        role: Role::Technician,
        site,
        from_ms: START_MS,
        to_ms: None,
        on_behalf_of: None,
    };
    grant::grant(&mut conn, ACT, &new).await.expect("granted");
    place::change_policy(&mut conn, ACT, site, &[("service_grade".into(), json!(1))])
        .await
        .expect("changed");
    grant::end(&mut conn, ACT, person, Role::Technician, site).await.expect("ended");
    directory::disable(&mut conn, ACT, person).await.expect("disabled");
    let version: i64 = sqlx::query_scalar("select reference_version from installation")
        .fetch_one(&mut *conn)
        .await
        .expect("reads");
    assert_eq!(version, 1 + 6);
    let acts: Vec<(String, String)> = sqlx::query_as("select act, detail from audit order by id")
        .fetch_all(&mut *conn)
        .await
        .expect("reads");
    let acts: Vec<String> =
        acts.into_iter().map(|(act, detail)| format!("{act} {detail}")).collect();
    assert_eq!(
        acts,
        [
            "installation_made {}",
            r#"site_added {"site":7}"#,
            r#"person_added {"person":1}"#,
            concat!(
                r#"role_granted {"from_ms":1790000000000,"grant":1,"on_behalf_of":null,"person":1,"#,
                r#""role":"technician","site":7,"to_ms":null}"#
            ),
            r#"policy_changed {"site":7,"version":2}"#,
            r#"role_ended {"person":1,"role":"technician","site":7}"#,
            r#"person_disabled {"person":1}"#,
        ]
    );
}

#[tokio::test]
async fn a_grant_carries_the_sequences_of_its_beginning_and_its_end() {
    let world = World::new().await;
    let mut conn = world.write().await;
    let site = place::add_site(&mut conn, ACT, None, "云栖花园").await.expect("added");
    let person = directory::add(&mut conn, ACT, "王建国", None).await.expect("added");
    let new = NewGrant {
        person,
        role: Role::Technician,
        site,
        from_ms: START_MS,
        to_ms: None,
        on_behalf_of: None,
    };
    grant::grant(&mut conn, ACT, &new).await.expect("granted");
    grant::end(&mut conn, ACT, person, Role::Technician, site).await.expect("ended");
    assert_eq!(
        code(grant::end(&mut conn, ACT, person, Role::Technician, site).await),
        ProblemCode::NotFound
    );
    let principal = grant::principal(&mut conn, person).await.expect("reads");
    let one = &principal.grants[0];
    assert_eq!(one.granted, Seen { epoch: 1, sequence: 1 });
    assert_eq!(one.ended, Some(Seen { epoch: 1, sequence: 2 }));
    assert!(!grant::in_force(one, START_MS));
}

#[tokio::test]
async fn what_is_not_there_or_there_already_is_said() {
    let world = World::new().await;
    let mut conn = world.write().await;
    let site = place::add_site(&mut conn, ACT, Some(SiteId(7)), "云栖花园").await.expect("added");
    directory::add(&mut conn, ACT, "陈静", Some("chen")).await.expect("added");
    let twice = directory::add(&mut conn, ACT, "陈静", Some("chen")).await;
    assert_eq!(code(twice), ProblemCode::AlreadyExists);
    let twice = place::add_site(&mut conn, ACT, Some(SiteId(7)), "x").await;
    assert_eq!(code(twice), ProblemCode::AlreadyExists);
    place::add_unit(&mut conn, ACT, site, "3-2-1501", "3").await.expect("added");
    let twice = place::add_unit(&mut conn, ACT, site, "3-2-1501", "3").await;
    assert_eq!(code(twice), ProblemCode::AlreadyExists);
    let nowhere = place::add_unit(&mut conn, ACT, SiteId(8), "1", "1").await;
    assert_eq!(code(nowhere), ProblemCode::NotFound);
    assert_eq!(code(directory::disable(&mut conn, ACT, PersonId(99)).await), ProblemCode::NotFound);
    for name in ["", "  ", &"字".repeat(61), "a\u{0}b"] {
        assert_eq!(code(directory::add(&mut conn, ACT, name, None).await), ProblemCode::Malformed);
    }
    for (member, value) in [
        ("service_grade", json!(6)),
        ("time_zone", json!("Asia/Nowhere")),
        ("ring_pause_ms", json!(-1)),
        ("ring_pause_ms", json!("5")),
        ("calendar", json!({ "week": { "monday": [{ "from": "18:00", "to": "09:00" }] } })),
        ("weekly_report_at", json!("25:00")),
        ("ladder_counts_from", json!("christmas")),
        ("version", json!(9)),
        ("unknown", json!(1)),
    ] {
        let changes = [(member.to_owned(), value)];
        let changed = place::change_policy(&mut conn, ACT, site, &changes).await;
        assert_eq!(code(changed), ProblemCode::Malformed, "{member}");
    }
}

//! The staff: who a row speaks of, what becomes of roles, and what is not for a site's
//! administrator.

use super::*;

const HEAD: &str = "person,name,login,role,group,department,from,to,on_behalf_of\n";

async fn people(world: &World, lines: &str) -> Outcome {
    import(world, Table::People, &format!("{HEAD}{lines}")).await
}

/// The roles that stand at the site, as the export writes them without names and logins.
async fn roles(world: &World) -> Vec<String> {
    let sheet = export(world, Table::People).await;
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        [&cells[..1], &cells[3..4], &cells[5..]].concat().join(",")
    };
    sheet.lines().skip(1).map(line).collect()
}

/// Two groups, and 1 王建国, 2 李强 with the login `li`, both guards.
async fn staffed() -> World {
    let world = world().await;
    import(&world, Table::Buildings, "code,name,group\n1,一号楼,1\n3,三号楼,2\n").await;
    person(&world, "王建国", None, (Role::Security, SITE)).await;
    person(&world, "李强", Some("li"), (Role::Security, SITE)).await;
    world
}

#[tokio::test]
async fn people_are_found_by_number_login_or_name_and_added_otherwise() {
    let world = staffed().await;
    let lines = "1,王建国,,technician,,,,,\n,李大强,li,,,,,,\n,王建国,,保安员,,,,,\n\
                 ,陈静,chen,front_desk,,客服部,2026-10-01,,\n,陈静,,客服助理,2,,2026-10-01,2026-12-31,\n";
    let outcome = people(&world, lines).await;
    assert_eq!(counts(&outcome), (3, 1, 0, 1));
    let rows: Vec<(u32, String, Option<String>)> =
        sqlx::query_as("select person, name, login from person order by person")
            .fetch_all(world.app.db.reader())
            .await
            .expect("reads");
    let row = |person, name: &str, login: Option<&str>| {
        (person, name.to_owned(), login.map(str::to_owned))
    };
    assert_eq!(
        rows,
        [row(1, "王建国", None), row(2, "李大强", Some("li")), row(3, "陈静", Some("chen"))]
    );
    assert_eq!(
        roles(&world).await,
        [
            "1,security,,,1970-01-01T08:00:00.000+08:00,,",
            "1,technician,,,2026-09-21T22:13:20.000+08:00,,",
            "2,security,,,1970-01-01T08:00:00.000+08:00,,",
            "3,assistant,2,,2026-10-01,2026-12-31,",
            "3,front_desk,,customer_service,2026-10-01,,",
        ]
    );
    assert_eq!(counts(&people(&world, lines).await), (0, 0, 0, 5));
}

#[tokio::test]
async fn a_row_replaces_what_it_overlaps_and_what_is_left_out_goes_on() {
    let world = staffed().await;
    // Open since 1970: it is given an end, and keeps its beginning.
    let ends = people(&world, "1,王建国,,security,,,,2026-12-31,\n").await;
    assert_eq!(counts(&ends), (0, 1, 0, 0));
    // Another group is another role, and so is a time that does not meet the first.
    let more = "1,王建国,,security,1,,,,\n1,王建国,,security,,,2027-01-01,,\n";
    assert_eq!(counts(&people(&world, more).await), (2, 0, 0, 0));
    assert_eq!(
        roles(&world).await,
        [
            "1,security,,,1970-01-01T08:00:00.000+08:00,2026-12-31,",
            "1,security,1,,2026-09-21T22:13:20.000+08:00,,",
            "1,security,,,2027-01-01,,",
            "2,security,,,1970-01-01T08:00:00.000+08:00,,",
        ]
    );
    let sql = "select count(*) from role_grant where ended_epoch is not null";
    assert_eq!(number(&world, sql).await, 1);
}

#[tokio::test]
async fn every_problem_of_people_is_named_by_row_and_column_and_nothing_is_written() {
    let world = staffed().await;
    person(&world, "张伟", None, (Role::Technician, SITE)).await;
    person(&world, "张伟", None, (Role::Technician, SITE)).await;
    person(&world, "赵敏", Some("zhao"), (Role::Quality, SITE)).await;
    let mut conn = world.write().await;
    directory::disable(&mut conn, ACT, PersonId(5)).await.expect("disabled");
    conn.commit().await.expect("commits");
    let lines = ",张伟,,technician,,,,,\n\
                 99,某人,,technician,,,,,\n\
                 ,新人,zhao,pilot,,,,,\n\
                 ,新人,li,technician,,,,,\n\
                 1,王建国,,technician,3,,,,\n\
                 1,王建国,,technician,,!,2026-02-30,x,\n\
                 1,王建国,,quality,,,2026-10-02,2026-10-01,\n\
                 1,王建国,,,1,,,,\n\
                 1,王国,,admin,,,,,\n\
                 ,赵敏,,technician,,,,,\n\
                 1,王建国,,cleaning_manager,,,,,1\n\
                 1,王建国,,cleaning_manager,,,,,无名\n\
                 1,王建国,,supervisor,,,2026-10-01,,\n\
                 1,王建国,,supervisor,,,2026-11-01,,\n";
    let before = number(&world, "select count(*) from audit").await;
    let outcome = people(&world, lines).await;
    assert_eq!(
        problems(&outcome),
        [
            (2, "name", "person_ambiguous"),
            (3, "person", "person_unknown"),
            (4, "role", "unknown_role"),
            (6, "group", "group_unknown"),
            (7, "department", "bad_department"),
            (7, "from", "bad_date"),
            (7, "to", "bad_date"),
            (8, "to", "bad_order"),
            (9, "role", "missing"),
            (10, "name", "differs"),
            (11, "person", "person_disabled"),
            (12, "on_behalf_of", "self_deputy"),
            (13, "on_behalf_of", "person_unknown"),
            (15, "from", "overlap"),
        ]
    );
    assert_eq!(number(&world, "select count(*) from audit").await, before);
    let taken = people(&world, "1,王建国,zhao,,,,,,\n2,李强,x,,,,,,\n2,李强,y,,,,,,\n").await;
    assert_eq!(problems(&taken), [(2, "login", "login_taken"), (4, "login", "differs")]);
}

#[tokio::test]
async fn a_sites_administrator_grants_here_and_does_not_rename_who_works_elsewhere_too() {
    let world = staffed().await;
    let both = person(&world, "何平", Some("he"), (Role::Admin, OTHER)).await;
    let sheet = format!("{HEAD}{both},何平,,quality,,,,,\n{both},何平,he2,,,,,,\n");
    let by = Some(PersonId(1));
    let refused = import_as(&world, Table::People, by, sheet.as_bytes()).await;
    assert_eq!(problems(&refused), [(3, "login", "person_elsewhere")]);
    let renamed = format!("{HEAD}{both},何大平,,quality,,,,,\n");
    let refused = import_as(&world, Table::People, by, renamed.as_bytes()).await;
    assert_eq!(problems(&refused), [(2, "name", "person_elsewhere")]);
    let granted = format!("{HEAD}{both},何平,he,quality,,,,,\n");
    let granted = import_as(&world, Table::People, by, granted.as_bytes()).await;
    assert_eq!(counts(&granted), (1, 0, 0, 0));
    let machine = import_as(&world, Table::People, None, renamed.as_bytes()).await;
    assert_eq!(counts(&machine), (0, 1, 0, 0));
    // By name nobody finds a person of the other site: it is somebody new.
    person(&world, "白露", None, (Role::Admin, OTHER)).await;
    let new = format!("{HEAD},白露,,quality,,,,,\n");
    let new = import_as(&world, Table::People, by, new.as_bytes()).await;
    assert_eq!(counts(&new), (1, 0, 0, 0));
    assert_eq!(number(&world, "select count(*) from person where name = '白露'").await, 2);
}

#[tokio::test]
async fn a_deputy_may_stand_in_for_somebody_the_same_sheet_adds() {
    let world = staffed().await;
    let lines = ",孙丽,,supervisor,,,,,\n1,王建国,,supervisor,,,2026-10-01,2026-10-07,孙丽\n";
    assert_eq!(counts(&people(&world, lines).await), (2, 0, 0, 0));
    assert_eq!(roles(&world).await[1], "1,supervisor,,,2026-10-01,2026-10-07,3");
    assert_eq!(counts(&people(&world, lines).await), (0, 0, 0, 2));
}

#[tokio::test]
async fn what_was_granted_twice_before_is_one_row_and_comes_back_unchanged() {
    let world = staffed().await;
    let mut conn = world.write().await;
    for from_ms in [0, 86_400_000] {
        let (person, role) = (PersonId(1), Role::Security);
        let new = NewGrant { person, role, site: SITE, from_ms, to_ms: None, on_behalf_of: None };
        grant::grant(&mut conn, ACT, &new).await.expect("granted");
    }
    conn.commit().await.expect("commits");
    let exported = export(&world, Table::People).await;
    assert_eq!(counts(&import(&world, Table::People, &exported).await), (0, 0, 0, 3));
}

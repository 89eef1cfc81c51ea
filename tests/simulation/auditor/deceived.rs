//! Every auditor sees what it is there for: in a world that is in order one thing after another is
//! put wrong.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sync_core::model::id::RecordId;
use tokio::runtime::Runtime;

use super::super::coverage::Coverage;
use super::super::world::World;
use super::super::{AllSaved, play, runtime};
use super::facts::Record;
use super::{Audit, accounted, derived, facts, ladder, money, projections};

/// A world after its faults, audited, in which there is something of everything.
async fn in_order() -> (World, AllSaved) {
    for seed in 15.. {
        let (mut world, saved, _) = play(seed).await;
        let audit = super::audit(&mut world, &saved, &mut Coverage::default()).await;
        let cash: i64 = sqlx::query_scalar("select count(*) from cash_entry")
            .fetch_one(world.machine.app().db.reader())
            .await
            .expect("reads");
        let lives = audit.backdated > 0 && audit.signatures > 0 && audit.refused > 0;
        if cash > 0 && audit.escalations > 2 && audit.followed > 0 && audit.commands > 0 && lives {
            return (world, saved);
        }
    }
    unreachable!("seeds do not end")
}

async fn execute(world: &World, statement: &'static str) {
    let mut transaction = world.machine.app().db.begin_write().await.expect("begins");
    let done = sqlx::query(statement).execute(&mut *transaction).await.expect("writes");
    assert!(done.rows_affected() > 0, "something is put wrong: {statement}");
    transaction.commit().await.expect("commits");
}

fn sees(what: &str, audit: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(audit)).is_err(), "nobody sees that {what}");
}

#[test]
fn every_auditor_sees_what_is_put_wrong() {
    let runtime = runtime();
    let (mut world, saved) = runtime.block_on(in_order());
    let mut records = runtime.block_on(facts::read(&world));
    let mut audit = Audit::default();
    let mut coverage = Coverage::default();

    runtime.block_on(execute(&world, "update cash_entry set amount_fen = amount_fen + 1"));
    sees("a fen came from nowhere", || {
        runtime.block_on(money::audit(&world, &records, &mut audit));
    });
    runtime.block_on(execute(&world, "update cash_entry set amount_fen = amount_fen - 1"));
    runtime.block_on(money::audit(&world, &records, &mut audit));

    world.policy.complaint_supervisor_days += 30;
    sees("an escalation came days early", || ladder::audit(&world, &records, &mut audit));
    world.policy.complaint_supervisor_days -= 30;
    ladder::audit(&world, &records, &mut audit);

    for (statement, undo) in [
        (
            "update record_card set open_cases = open_cases + 1",
            Some("update record_card set open_cases = open_cases - 1"),
        ),
        (
            "update record_card set title = title || '!' where kind = 'periodic_task'",
            Some(
                "update record_card set title = substr(title, 1, length(title) - 1)
                 where kind = 'periodic_task'",
            ),
        ),
        // The last one: nothing brings it back.
        ("delete from link", None),
    ] {
        runtime.block_on(execute(&world, statement));
        sees(statement, || {
            runtime.block_on(projections::audit(&world, &records, &mut audit));
        });
        // In order again, so that what is seen next is what is put wrong next.
        if let Some(undo) = undo {
            runtime.block_on(execute(&world, undo));
            runtime.block_on(projections::audit(&world, &records, &mut audit));
        }
    }

    derived::audit(&world, &records, (&mut audit, &mut coverage));
    let task = records.values().find(|record| record.kind == "periodic_task").expect("one").record;
    let task = records.remove(&task).expect("is there");
    sees("a period has no task", || {
        derived::audit(&world, &records, (&mut audit, &mut coverage));
    });
    records.insert(task.record, task);

    lives(&runtime, (&world, &saved), &records, (&mut audit, &mut coverage));

    let written = saved.phones.iter().flatten().find(|saved| {
        records.get(&saved.record).is_some_and(|record| record.facts.contains_key(&saved.key))
    });
    let written = written.expect("something was accepted").clone();
    records.get_mut(&written.record).expect("is there").facts.remove(&written.key);
    sees("a command is lost", || {
        let counts = (&mut audit, &mut coverage);
        runtime.block_on(accounted::audit(&world, &records, &saved, counts));
    });
}

/// What befalls phones and people.
fn lives(
    runtime: &Runtime,
    (world, saved): (&World, &AllSaved),
    records: &BTreeMap<RecordId, Record>,
    (audit, coverage): (&mut Audit, &mut Coverage),
) {
    let mut accounted = || {
        runtime.block_on(accounted::audit(world, records, saved, (audit, coverage)));
    };
    accounted();
    let marks = "update desk_case set kind = '!' || kind where kind = 'backdated'";
    runtime.block_on(execute(world, marks));
    sees("a clock was turned back", &mut accounted);
    let marks = "update desk_case set kind = substr(kind, 2) where kind = '!backdated'";
    runtime.block_on(execute(world, marks));
    accounted();

    let inks = || world.phones.iter().map(|phone| phone.ink.lock().expect("not poisoned"));
    let given: Vec<_> = inks().map(|mut ink| std::mem::take(&mut ink.given)).collect();
    sees("nobody gave this signature", &mut accounted);
    inks().zip(given).for_each(|(mut ink, given)| ink.given = given);
    accounted();

    runtime.block_on(execute(world, "update change set state = 'lost' where state = 'refused'"));
    sees("what was refused is gone", &mut accounted);
    runtime.block_on(execute(world, "update change set state = 'refused' where state = 'lost'"));
    accounted();
}

//! Commands of a copy of a phone's store, whose numbers the first one has used.

use super::*;

/// A copy of Wang's store whose next command has the number of Wang's next one.
fn copy_of(wang: &Phone, record: RecordId, desk: &Desk) -> Phone {
    let mut copy = Phone::new(WANG, 9);
    copy.reopen(0x77);
    desk.answer(&mut copy);
    copy.number = wang.number;
    assert!(copy.records.contains_key(&record));
    copy
}

/// R0.30
#[test]
fn a_copys_command_is_kept_where_its_number_was_refused() {
    for breaks in [false, true] {
        let (record, _, mut wang, _, mut desk) = dispatched();
        let mut copy = copy_of(&wang, record, &desk);
        desk.forging = true;
        wang.write(record, forbidden().0, forbidden().1);
        assert_eq!(outcomes(&desk.push(&wang)), [(1, Outcome::Refused)]);
        assert!(desk.push(&wang).is_void(), "the same again");
        copy.write(record, "note", json!({ "text": "the copy's" }));
        let mut pack = copy.pack(record);
        if breaks {
            pack.check = [0; 8];
        }
        let plan = desk.push_pack(&copy, pack.clone());
        assert!(plan.cloned && plan.verdicts[0].cloned, "the first keeps its receipt");
        assert_eq!(plan.desk_cases.last().map(|case| case.kind), Some("clone"));
        assert_eq!(
            (plan.rows.len(), plan.quarantined.len()),
            (1 - usize::from(breaks), usize::from(breaks))
        );
        assert!(desk.push_pack(&copy, pack).is_void(), "kept once");
    }
}

/// R0.30
#[test]
fn a_copys_command_is_kept_where_its_number_is_held() {
    for breaks in [false, true] {
        let (record, _, mut wang, _, mut desk) = dispatched();
        let mut copy = copy_of(&wang, record, &desk);
        desk.forging = true;
        let second = |phone: &mut Phone, text: &str| {
            phone.write(record, "note", json!({ "text": "never comes" }));
            phone.write(record, "note", json!({ "text": text }));
            let changes = &phone.records[&record].pending;
            RecordPack::from_changes(record, &changes[changes.len() - 1..])
        };
        let own = second(&mut wang, "the first's");
        assert_eq!(outcomes(&desk.push_pack(&wang, own.clone())), [(2, Outcome::Held)]);
        assert!(desk.push_pack(&wang, own).is_void(), "the same again");
        let other = if breaks {
            copy.number += 1;
            copy.write(record, "note", json!({ "text": "the copy's" }));
            RecordPack { check: [0; 8], ..copy.pack(record) }
        } else {
            second(&mut copy, "the copy's")
        };
        let plan = desk.push_pack(&copy, other.clone());
        assert!(plan.cloned && plan.verdicts[0].cloned, "the first keeps its receipt");
        assert!(plan.held_gone.is_empty(), "the first's waits on");
        assert_eq!(
            (desk.held.len(), desk.kept.len()),
            (2 - usize::from(breaks), usize::from(breaks))
        );
        assert!(desk.push_pack(&copy, other).is_void(), "kept once");
        // Also where nothing can be decided, or nothing has room.
        copy.write(record, "note", json!({ "text": "another" }));
        let (number, mut third) = (copy.number, copy.pack(record));
        third.changes.retain(|change| pack::number(change) == Some(number));
        desk.told
            .insert(Author { person: WANG, device: DeviceId(9), number }, (Outcome::Held, None));
        let incoming = Incoming::Pack { person: WANG, device: DeviceId(9), pack: third };
        let plan = desk.plan(&incoming, |_| panic!("a defect"));
        assert!(plan.cloned && plan.verdicts[0].cloned && plan.held_new.len() == 1);
        desk.quota_bytes = 0;
        let plan = desk.plan(&incoming, decide);
        assert_eq!(plan.already_had, BTreeSet::new(), "it stays the phone's");
    }
}

//! Chunks from a file before the full guard.

use super::*;

#[test]
fn an_honest_chunk_passes_as_the_change_it_is() {
    let guarded = handed_in(&honest_chunk()).expect("honest").expect("not the genesis");
    assert_eq!(guarded.change, change(1, 1, 4, &[before().0.hash], 1));
    assert_eq!(guarded.change.chunk(), honest_chunk());
    assert!(!guarded.in_log && guarded.had.is_empty());
    assert_eq!(handed_in(&genesis(RECORD).chunk), Ok(None));
}

#[test]
fn a_change_with_a_wrong_checksum_is_refused() {
    for place in 4..8 {
        let mut bytes = honest_chunk();
        bytes[place] ^= 1;
        assert_eq!(handed_in(&bytes), Err(ChunkError::WrongChecksum));
        // Automerge takes it.
        assert!(automerge::Change::from_bytes(bytes).is_ok());
    }
}

#[test]
fn a_compressed_chunk_is_refused() {
    let mut large = automerge::Change::from_bytes(by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), "a".repeat(2_000)).expect("a map");
    }))
    .expect("honest");
    let compressed = large.bytes().to_vec();
    assert_eq!(compressed[8], 2);
    assert_eq!(handed_in(&compressed), Err(ChunkError::NotAPlainChange(2)));
}

#[test]
fn a_document_a_bundle_and_an_unknown_chunk_are_refused() {
    let document = Document::from_changes(RECORD, &[before().0]).expect("honest").save();
    assert_eq!(handed_in(&document), Err(ChunkError::NotAPlainChange(0)));
    for other in [3, 4, 255] {
        let mut bytes = honest_chunk();
        bytes[8] = other;
        assert_eq!(handed_in(&bytes), Err(ChunkError::NotAPlainChange(other)));
    }
}

#[test]
fn a_compressed_column_is_refused() {
    let bytes = resealed(&honest_chunk(), |body| {
        let place = body.windows(2).position(|pair| pair == [0x15, 0x13]).expect("the key column");
        body[place] |= 8;
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::Malformed("a compressed column")));
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = honest_chunk();
    bytes.push(0);
    assert_eq!(handed_in(&bytes), Err(ChunkError::TrailingBytes));
    // Inside the chunk Automerge carries them along for ever.
    let inside = resealed(&honest_chunk(), |body| body.push(0));
    assert!(automerge::Change::from_bytes(inside.clone()).is_ok());
    assert_eq!(handed_in(&inside), Err(ChunkError::TrailingBytes));
}

#[test]
fn a_long_length_in_the_header_is_refused() {
    let honest = honest_chunk();
    let length = honest.len() - body_length(&honest);
    let mut bytes = honest[..length].to_vec();
    *bytes.last_mut().expect("a header") |= 0x80;
    bytes.push(0);
    bytes.extend(&honest[length..]);
    assert!(matches!(handed_in(&bytes), Err(ChunkError::Malformed(_))));
}

#[test]
fn a_chunk_larger_than_a_change_is_refused() {
    let json = format!("\"{}\"", "a".repeat(CHANGE_BYTES_MAX));
    let bytes = by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), json.as_str()).expect("a map");
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::TooLarge));
}

#[test]
fn a_run_of_a_thousand_million_operations_is_refused_without_counting_them() {
    // The action column says so in six bytes; everything else follows Automerge's format.
    let mut runs = Vec::new();
    wire::write_signed(&mut runs, 1_000_000_000);
    write_unsigned(&mut runs, 1);
    let bytes = resealed(&honest_chunk(), |body| {
        let heads = body.windows(2).position(|pair| pair == [0x42, 2]).expect("the action column");
        body[heads + 1] = runs.len() as u8;
        let data = body.windows(3).rposition(|bytes| bytes == [1, 0x7f, 1]).expect("its data");
        body.splice(data + 1..data + 3, runs.iter().copied());
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::TooLarge));
}

#[test]
fn a_put_of_facts_on_the_root_is_refused() {
    let on_root = by_automerge(|document, _| {
        document.put(ROOT, "facts", "gone").expect("the root takes a put");
    });
    let code = handed_in(&on_root).expect_err("hides every fact").code();
    assert!(["not_on_facts", "has_predecessors"].contains(&code), "{code}");
    let other = by_automerge(|document, _| {
        document.put(ROOT, "other", "x").expect("the root takes a put");
    });
    assert_eq!(handed_in(&other), Err(ChunkError::NotOnFacts));
}

#[test]
fn a_put_into_another_map_is_refused() {
    let bytes = by_automerge(|document, _| {
        let map = document.put_object(ROOT, "mine", ObjType::Map).expect("the root takes a map");
        document.put(&map, key(1, 1, 0).to_string(), JSON).expect("a map");
    });
    let code = handed_in(&bytes).expect_err("not on the facts").code();
    assert!(["not_on_facts", "not_a_put"].contains(&code), "{code}");
}

#[test]
fn a_map_a_list_and_a_text_under_a_fact_are_refused() {
    for kind in [ObjType::Map, ObjType::List, ObjType::Text] {
        let bytes = by_automerge(|document, facts| {
            document.put_object(&facts, key(1, 1, 0).to_string(), kind).expect("a map");
        });
        assert_eq!(handed_in(&bytes), Err(ChunkError::NotAPut), "{kind:?}");
    }
}

#[test]
fn a_delete_is_refused() {
    let bytes = by_automerge(|document, facts| {
        document.delete(&facts, key(10, 7, 0).to_string()).expect("it is there");
    });
    let code = handed_in(&bytes).expect_err("a delete").code();
    assert!(["has_predecessors", "not_a_put"].contains(&code), "{code}");
}

#[test]
fn an_increment_is_refused() {
    let bytes = by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), ScalarValue::counter(1)).expect("a map");
        document.increment(&facts, key(1, 1, 0).to_string(), 2).expect("a counter");
    });
    assert!(handed_in(&bytes).is_err());
}

#[test]
fn a_value_that_is_no_text_is_refused() {
    for value in [
        ScalarValue::Null,
        ScalarValue::Boolean(true),
        ScalarValue::Int(1),
        ScalarValue::Uint(1),
        ScalarValue::F64(1.0),
        ScalarValue::Timestamp(1),
        ScalarValue::Bytes(JSON.as_bytes().to_vec()),
        ScalarValue::counter(1),
    ] {
        let bytes = by_automerge(|document, facts| {
            document.put(&facts, key(1, 1, 0).to_string(), value.clone()).expect("a map");
        });
        assert_eq!(handed_in(&bytes), Err(ChunkError::NotAText), "{value:?}");
    }
}

#[test]
fn an_overwritten_fact_is_refused_by_its_predecessor() {
    let bytes = by_automerge(|document, facts| {
        document.put(&facts, key(10, 7, 0).to_string(), "\"edited\"").expect("a map");
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::HasPredecessors));
    let own = by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), "1").expect("a map");
        document.put(&facts, key(1, 1, 0).to_string(), JSON).expect("a map");
    });
    assert_eq!(handed_in(&own), Err(ChunkError::HasPredecessors));
}

#[test]
fn a_key_that_names_no_fact_is_refused() {
    for key in ["", "note", "aebagbafaydqq.01.0", "~AAAA.0", "aebagbafaydqq.1"] {
        let bytes = by_automerge(|document, facts| {
            // Automerge itself takes no empty key.
            let key = if key.is_empty() { " " } else { key };
            document.put(&facts, key, JSON).expect("a map");
        });
        assert_eq!(handed_in(&bytes), Err(ChunkError::WrongKey), "{key}");
    }
}

#[test]
fn a_message_a_time_and_an_author_are_refused() {
    let put = |document: &mut AutoCommit, facts: automerge::ObjId| {
        document.put(&facts, key(1, 1, 0).to_string(), JSON).expect("a map");
    };
    let at = by_automerge_with(CommitOptions::default().with_time(1), put);
    assert_eq!(handed_in(&at), Err(ChunkError::WrongHead("a time")));
    let message = CommitOptions::default().with_time(0).with_message("hello");
    assert_eq!(
        handed_in(&by_automerge_with(message, put)),
        Err(ChunkError::WrongHead("a message"))
    );
    let author = by_automerge(|document, facts| {
        document.set_author(Some(automerge::Author::from(&[1, 2, 3][..])));
        document.set_actor(ActorId::from(&session(1).0[..]));
        document.put(&facts, key(1, 1, 0).to_string(), JSON).expect("a map");
    });
    assert!(handed_in(&author).is_err());
}

#[test]
fn an_actor_that_is_no_session_is_refused() {
    for actor in [&[][..], &[1; 7], &[1; 9], &GENESIS_ACTOR] {
        let bytes = resealed(&honest_chunk(), |body| {
            let mut length = vec![actor.len() as u8];
            length.extend(actor);
            body.splice(33..42, length);
        });
        assert_eq!(
            handed_in(&bytes),
            Err(ChunkError::WrongHead("an actor that is no session")),
            "{actor:?}"
        );
    }
}

#[test]
fn a_file_is_cut_into_its_chunks() {
    let (stored, _) = before();
    let chunks = [genesis(RECORD).chunk, stored.chunk(), honest_chunk()];
    let file = chunks.concat();
    assert_eq!(split_chunks(&file), Ok(chunks.iter().map(Vec::as_slice).collect()));
    assert_eq!(split_chunks(&[]), Ok(vec![]));
    let cut = split_chunks(&file[..file.len() - 1]);
    assert!(matches!(cut, Err(ChunkError::Malformed(_))));
    let document = Document::from_changes(RECORD, &[stored]).expect("complete");
    assert_eq!(split_chunks(&document.save()), Err(ChunkError::NotAPlainChange(0)));
}

#[test]
fn a_thousand_forged_chunks_are_refused_or_healthy() {
    let tally = forge_chunks(1, 1_000);
    assert!(tally.passed > 1_000, "{tally:?}");
    for code in [
        "malformed_chunk",
        "wrong_checksum",
        "trailing_bytes",
        "wrong_head",
        "not_on_facts",
        "not_a_put",
        "has_predecessors",
        "not_a_text",
        "wrong_key",
        "wrong_seq",
        "wrong_start_op",
        "missing_dependency",
        "foreign_session",
        "not_canonical",
    ] {
        assert!(tally.refused.contains_key(code), "no {code} in {tally:?}");
    }
}

//! Ten thousand forged packs and ten thousand forged chunks, each lot before the guard in a child
//! process with little memory: whatever they ask for, no panic gets out, nothing is accepted that
//! does not load, and the memory suffices.

use sync_core::document::forge::{Tally, forge_chunks, forge_packs};

use super::child;

const FORGERIES: u64 = 10_000;
/// Address space of a child: a debug executable, its threads and one record, not a forged
/// gigabyte.
const MEMORY_KIB: usize = 768 * 1024;

/// Forges what it is told to; does nothing in the process of the tests themselves.
#[test]
fn child() {
    let Some(order) = child::order() else { return };
    let mut large: Vec<u8> = Vec::new();
    assert!(large.try_reserve_exact(MEMORY_KIB * 1024).is_err(), "the limit is in force");
    let tally = match order.as_str() {
        "packs" => forge_packs(1, FORGERIES),
        "chunks" => forge_chunks(2, FORGERIES),
        other => panic!("nobody forges {other}"),
    };
    let Tally { refused, passed } = tally;
    let sum: u32 = refused.values().sum();
    child::tell(&format!("{passed} {sum} {refused:?}"));
}

fn run(what: &str) {
    let limit = format!("ulimit -v {MEMORY_KIB} && exec \"$@\"");
    let mut command = child::wrapped(&["sh", "-c", &limit, "sh"], "forged::child", what);
    let output = command.output().expect("starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {} {errors}", output.status);
    let told = child::told(&output.stdout);
    let [line] = told.as_slice() else { panic!("{what}: {told:?}") };
    child::tell(&format!("{FORGERIES} forged {what}: accepted, refused, why: {line}"));
    let mut numbers = line.split(' ').map_while(|word| word.parse::<u64>().ok());
    let (accepted, refused) = (numbers.next(), numbers.next());
    assert!(accepted > Some(0) && refused > Some(0), "{what}: {line}");
}

#[test]
fn no_panic_of_ten_thousand_forged_packs_gets_out_of_a_small_process() {
    run("packs");
}

#[test]
fn no_panic_of_ten_thousand_forged_chunks_gets_out_of_a_small_process() {
    run("chunks");
}

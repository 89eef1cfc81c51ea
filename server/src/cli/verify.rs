//! Checks a file of evidence by itself, on any machine.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::PathBuf;

use clap::Args;
use sync_core::rules::evidence::{self, Bundle, EVIDENCE_BYTES_MAX, NotEvidence};
use sync_core::rules::signature::Verification;

use crate::{Error, Result};

/// What to check, and whom to trust. Exit codes: 0 valid, 3 altered, 4 something is missing, 5
/// another installation's, 6 a drawing was left out; 1 the file does not read.
#[derive(Debug, Args)]
pub struct Verify {
    /// The file, from `GET /v1/records/{record}/evidence`.
    bundle: PathBuf,
    /// The fingerprint of an installation that is trusted, from `fieldbook admin keys fingerprint`
    /// there; may be given more than once.
    #[arg(long, value_name = "FINGERPRINT")]
    trust: Vec<String>,
}

/// Says what is found; answers the exit code.
pub fn verify(verify: &Verify, out: &mut dyn Write) -> Result<u8> {
    let text = read(verify)?;
    let bundle = Bundle::read(&text).map_err(|_| no_evidence(verify))?;
    let found = evidence::verify(&bundle, &verify.trust);
    writeln!(out, "record {}", found.record)?;
    let unreadable = "with a key that does not read";
    writeln!(out, "installation {}", found.fingerprint.as_deref().unwrap_or(unreadable))?;
    writeln!(out, "file: {}", words(&found.file))?;
    for signature in &found.signatures {
        writeln!(out, "signature {}: {}", signature.fact, words(&signature.found))?;
        for key in &signature.absent {
            writeln!(out, "  not there: {key}")?;
        }
        for line in signature.text.iter().flat_map(|text| text.lines()) {
            writeln!(out, "  | {}", printable(line))?;
        }
    }
    let worst = found.worst();
    writeln!(out, "result: {}", words(&worst))?;
    if worst == Verification::Untrusted {
        writeln!(out, "Name the installation with --trust if this is the one that you trust.")?;
    }
    Ok(exit_code(&worst))
}

fn read(verify: &Verify) -> Result<String> {
    let mut text = String::new();
    let file = File::open(&verify.bundle)?;
    let read = file.take(EVIDENCE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|_| no_evidence(verify))?;
    if text.len() as u64 > EVIDENCE_BYTES_MAX { Err(no_evidence(verify)) } else { Ok(text) }
}

fn no_evidence(verify: &Verify) -> Error {
    Error::Configuration(format!("{}: {NotEvidence}", verify.bundle.display()))
}

fn exit_code(worst: &Verification) -> u8 {
    match worst {
        Verification::Valid => 0,
        Verification::Altered { .. } => 3,
        Verification::Missing { .. } => 4,
        Verification::Untrusted => 5,
        Verification::Erased => 6,
    }
}

fn words(found: &Verification) -> String {
    match found {
        Verification::Valid => "valid".to_owned(),
        Verification::Altered { what } => format!("altered: {what}"),
        Verification::Missing { what } => format!("missing: {what}"),
        Verification::Untrusted => "untrusted: of an installation that was not named".to_owned(),
        Verification::Erased => "erased: valid as far as it goes without the drawing".to_owned(),
    }
}

/// A line of somebody's file must not move the cursor of a terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/evidence/example.json");
    const FINGERPRINT: &str = "34750f98bd59fcfc946da45aaabe933b";

    /// Checks a file as it is typed: the exit code and what is printed.
    fn checked(bundle: PathBuf, trust: &[&str]) -> (u8, String) {
        let trust = trust.iter().map(|name| (*name).to_owned()).collect();
        let mut out = Vec::new();
        let code = verify(&Verify { bundle, trust }, &mut out).expect("reads");
        (code, String::from_utf8(out).expect("text"))
    }

    /// R8.11
    #[test]
    fn each_finding_has_its_exit_code() {
        let (code, said) = checked(EXAMPLE.into(), &["00", FINGERPRINT]);
        assert_eq!(code, 0, "{said}");
        assert!(said.starts_with("record AQEBAQEBAQEBAQEBAQEBAQ\ninstallation "), "{said}");
        assert!(said.contains("\nfile: valid\nsignature "), "{said}");
        assert!(said.contains(": valid\n  | 上门服务确认\n"), "{said}");
        assert!(said.ends_with("\nresult: valid\n"), "{said}");
        let (code, said) = checked(EXAMPLE.into(), &[]);
        assert_eq!(code, 5, "{said}");
        assert!(said.ends_with("if this is the one that you trust.\n"), "{said}");

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("evidence.json");
        let text = std::fs::read_to_string(EXAMPLE).expect("reads");
        std::fs::write(&file, text.replace("\"amount_fen\":12000", "\"amount_fen\":1200"))
            .expect("writes");
        let (code, said) = checked(file.clone(), &[FINGERPRINT]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("\nfile: altered: facts\n"), "{said}");
        let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        value["documents"] = serde_json::json!({});
        std::fs::write(&file, value.to_string()).expect("writes");
        let (code, said) = checked(file.clone(), &[FINGERPRINT]);
        assert_eq!(code, 3, "what was taken out of it is altered: {said}");
        assert!(said.contains(": missing: document\n"), "{said}");
        let codes = [Verification::Missing { what: "signed".to_owned() }, Verification::Erased];
        assert_eq!(codes.map(|found| exit_code(&found)), [4, 6]);
    }

    #[test]
    fn what_is_no_evidence_is_said_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("evidence.json");
        let text = std::fs::read_to_string(EXAMPLE).expect("reads");
        let newer = text.replace("fieldbook-evidence/1", "fieldbook-evidence/2");
        let spaced = format!("{text}\n");
        for wrong in ["", "{}", "\u{feff}", newer.as_str(), spaced.as_str()] {
            std::fs::write(&file, wrong).expect("writes");
            let verify = Verify { bundle: file.clone(), trust: Vec::new() };
            let refused = super::verify(&verify, &mut Vec::new()).expect_err("refused").to_string();
            assert!(
                refused.ends_with("not evidence of the form fieldbook-evidence/1"),
                "{refused}"
            );
        }
        std::fs::write(&file, [0xff, 0xfe]).expect("writes");
        let verify = Verify { bundle: file, trust: Vec::new() };
        assert!(super::verify(&verify, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_line_moves_no_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\rc\u{9b}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
    }
}

//! A signing point by point: each command is a process of its own, so that every one of them goes
//! on after an interruption.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use fieldbook_mobile::{Signing, Statement};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::open::{Handset, read};
use crate::value;

/// What to do with a signing.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum SigningTask {
    /// Begin one and show what the customer signs; a former one ends.
    Begin {
        /// The record.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The visit (default: this person's newest open one).
        #[arg(long)]
        visit: Option<String>,
        /// The canvas's width.
        #[arg(long, default_value_t = 1_000)]
        width: u32,
        /// The canvas's height.
        #[arg(long, default_value_t = 400)]
        height: u32,
    },
    /// Save what was drawn meanwhile.
    Add {
        /// A file with the strokes: `[[[x,y],..],..]`, or a drawing that has them as `strokes`.
        file: PathBuf,
    },
    /// Show the signing that has begun.
    Show,
    /// Sign what was shown by what was drawn.
    Sign {
        /// Who signs: owner, tenant, family or other.
        #[arg(long)]
        relation: String,
        /// Quality, attitude and conduct, 1 to 5 each, e.g. 5,5,4.
        #[arg(long, value_name = "Q,A,C")]
        ratings: String,
        /// The contact who signs.
        #[arg(long, allow_hyphen_values = true)]
        contact: Option<String>,
    },
    /// End it without a signature.
    Drop,
}

/// Does it.
pub async fn signing(handset: &Handset, task: SigningTask) -> Result<Answer, Failure> {
    match task {
        SigningTask::Begin { record, visit, width, height } => {
            let record = handset.record(&record).await?;
            let visit = handset.visit(&record, visit.as_deref()).await?;
            let language = handset.language.tag().to_owned();
            let begun = handset.phone.begin_signing(record.clone(), visit, language, width, height);
            Ok(shown(&begun.await?, json!({ "record": record })))
        }
        SigningTask::Add { file } => {
            let strokes = strokes(&file)?;
            handset.phone.add_strokes(strokes.to_string()).await?;
            show(handset).await
        }
        SigningTask::Show => show(handset).await,
        SigningTask::Sign { relation, ratings, contact } => {
            let ratings = value::ratings(&ratings)?.to_string();
            let contact = match contact {
                Some(contact) => Some(handset.record(&contact).await?),
                None => None,
            };
            let saved = handset.phone.sign(relation, ratings, contact).await?;
            let number = saved.number.to_string();
            let told =
                [("number", number.as_str()), ("record", &saved.record), ("key", &saved.key)];
            let line = handset.language.say("saved", &told);
            let document =
                json!({ "record": saved.record, "number": saved.number, "key": saved.key });
            Ok(Answer::line(document, line))
        }
        SigningTask::Drop => {
            handset.phone.drop_signing().await?;
            let line = handset.language.say("signing-none", &[]);
            Ok(Answer::line(json!({ "signing": null }), line))
        }
    }
}

fn shown(statement: &Statement, mut document: Value) -> Answer {
    document["text"] = json!(statement.text);
    document["text_sha256"] = json!(statement.text_sha256);
    Answer { document, lines: statement.text.lines().map(str::to_owned).collect() }
}

async fn show(handset: &Handset) -> Result<Answer, Failure> {
    let words = handset.language;
    let Some(signing) = handset.phone.resume_signing().await? else {
        return Ok(Answer::line(json!({ "signing": null }), words.say("signing-none", &[])));
    };
    let Signing { record, visit, strokes_json, changed, saved_wall_ms, .. } = &signing;
    let strokes = read(strokes_json)?;
    let count = strokes.as_array().map_or(0, Vec::len).to_string();
    let document = json!({
        "record": record, "visit": visit, "language": signing.language,
        "canvas": [signing.width, signing.height], "strokes": strokes, "changed": changed,
        "saved_wall_ms": saved_wall_ms,
    });
    let mut answer = shown(&signing.statement, document);
    answer.document = json!({ "signing": answer.document });
    answer.lines.push(words.say("signing-strokes", &[("count", &count)]));
    if *changed {
        answer.lines.push(words.say("signing-changed", &[]));
    }
    Ok(answer)
}

fn strokes(file: &Path) -> Result<Value, Failure> {
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(path, &error))?;
    let drawn = read(&text)?;
    Ok(drawn.get("strokes").cloned().unwrap_or(drawn))
}

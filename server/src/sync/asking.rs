//! Questions of the office about refused and held commands, and the workers' answers. A question
//! changes nothing of the commands: it travels with their receipts, the case stays open, and the
//! answer stands in the case's log.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;
use sync_core::model::audience::Audience;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::protocol::message::{ANSWER, ASKED_BY, CaseAnswer, Outcome, QUESTION, QUESTION_ID};
use sync_core::rules::check_case_text;

use super::cases::{CloseCase, DeskCaseRow};
use super::closing::refused;
use super::decide::DeskCase;
use super::load::{self, number};
use super::log::{DISCARDED, Why};
use super::receipts::Told;
use super::write::{self, Poke};
use super::{Bearer, waiting};
use crate::Result;

/// The action of a question.
pub(crate) const RETURNED: &str = "return_to_worker";
/// The action of an answer.
pub(crate) const ANSWERED: &str = "answer";
/// The kind of the case of an answer to a question that the server does not know (any more).
pub(crate) const STRAY_ANSWER: &str = "stray_answer";

/// Asks the worker whose commands a case is about. R5.22.
///
/// # Errors
/// `decision_refused` where nobody can be asked: nothing of it waits, it does not read, or a
/// question is not answered yet.
pub(super) async fn ask(
    conn: &mut SqliteConnection,
    case: &DeskCaseRow,
    close: &CloseCase,
    (epoch, now_ms): (u32, WallMs),
) -> Result<Vec<Poke>> {
    if case.record.is_none() {
        return Err(refused("unreadable"));
    }
    if !matches!(case.kind.as_str(), "refused" | "held") {
        return Err(refused("nothing_waits"));
    }
    if case.waits_for.is_some() {
        return Err(refused("waits_for_worker"));
    }
    let told = undecided(conn, case).await?;
    if told.is_empty() {
        return Err(refused("nothing_waits"));
    }
    let action: i64 = sqlx::query_scalar(
        "insert into desk_case_action (desk_case, at_ms, person, action, reason)
         values (?, ?, ?, ?, ?) returning id",
    )
    .bind(case.case)
    .bind(now_ms)
    .bind(close.person.0)
    .bind(RETURNED)
    .bind(&close.reason)
    .fetch_one(&mut *conn)
    .await?;
    let question = (i64::from(epoch) << LIFE_SHIFT) | action;
    sqlx::query("update desk_case_action set question = ? where id = ?")
        .bind(question)
        .bind(action)
        .execute(&mut *conn)
        .await?;
    waits_for(conn, case.case, Some("worker")).await?;
    let by: String = sqlx::query_scalar("select name from person where person = ?")
        .bind(close.person.0)
        .fetch_one(&mut *conn)
        .await?;
    let news = told.into_iter().map(|(number, mut told)| {
        if let Some(why) = &mut told.why {
            why.params.remove(ANSWER);
            why.params.insert(QUESTION.to_owned(), close.reason.clone());
            why.params.insert(QUESTION_ID.to_owned(), question.to_string());
            why.params.insert(ASKED_BY.to_owned(), by.clone());
        }
        (number, told)
    });
    let news = BTreeMap::from([((case.device, case.person), news.collect())]);
    write::tell(conn, news).await?;
    let worker = case.site.map(|site| Audience::User(site, case.person));
    Ok(worker.map(|audience| Poke { audience, sequence: 0 }).into_iter().collect())
}

/// Ids of actions within one life of the server.
const LIFE_SHIFT: u32 = 40;

async fn waits_for(conn: &mut SqliteConnection, case: i64, whom: Option<&str>) -> Result<()> {
    sqlx::query("update desk_case set waits_for = ? where id = ?")
        .bind(whom)
        .bind(case)
        .execute(conn)
        .await?;
    Ok(())
}

/// What is told of those of a case's commands that nobody has decided about.
async fn undecided(conn: &mut SqliteConnection, case: &DeskCaseRow) -> Result<BTreeMap<u64, Told>> {
    let facts = waiting::contents(conn, &[case.case]).await?;
    let numbers: BTreeSet<u64> =
        facts.iter().filter_map(|waiting| waiting.fact.key.number()).collect();
    let ranges = load::receipts(conn, case.device, (case.from, case.to)).await?;
    let told = |number: &u64| {
        let range = ranges.iter().find(|range| (range.from..=range.to).contains(number))?;
        let waits = match range.told.outcome {
            Outcome::Held => true,
            Outcome::Refused => range.told.why.as_ref().is_some_and(|why| why.code != DISCARDED),
            _ => false,
        };
        waits.then(|| (*number, range.told.clone()))
    };
    Ok(numbers.iter().filter_map(told).collect())
}

/// What a phone answers to questions of the office.
pub struct AnswersJob {
    pub(super) who: Bearer,
    pub(super) answers: Vec<CaseAnswer>,
    /// The person's office, for what answers no question.
    pub(super) site: Option<SiteId>,
    pub(super) now_ms: WallMs,
}

/// Writes answers into the logs of their cases, each once; the office is waited for from then on.
/// Says of which questions the phone need not send its answer again.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn take_answers(
    conn: &mut SqliteConnection,
    job: AnswersJob,
) -> Result<(Vec<u64>, Vec<Poke>)> {
    let (mut answered, mut pokes) = (Vec::new(), Vec::new());
    for answer in &job.answers {
        let Taken { is_kept, office } = take_answer(conn, &job, answer).await?;
        answered.extend(is_kept.then_some(answer.question));
        pokes.extend(office.map(Poke::office));
    }
    Ok((answered, pokes))
}

/// What became of an answer.
struct Taken {
    /// It stands here, all of it.
    is_kept: bool,
    /// Who hears of it.
    office: Option<SiteId>,
}

impl Taken {
    fn nothing(is_kept: bool) -> Self {
        Self { is_kept, office: None }
    }
}

/// Answers to one question that are kept at most; the phone keeps what is beyond (ours).
const ANSWERS_MAX: usize = 20;
/// Characters that are kept of an answer that is too long: as many as one may have.
const CUT_CHARACTERS: usize = 1_000;
/// Cases of a device's answers to no question that are open at a time at most (ours).
const STRAY_MAX: i64 = 50;

/// An answer, kept once; a corrected one stands beside the earlier ones. R5.22.
async fn take_answer(
    conn: &mut SqliteConnection,
    job: &AnswersJob,
    answer: &CaseAnswer,
) -> Result<Taken> {
    let CaseAnswer { question, text } = answer;
    if text.trim().is_empty() {
        return Ok(Taken::nothing(false));
    }
    // What no phone of ours writes: the office sees its beginning, the phone keeps it.
    if check_case_text(ANSWER, text).is_err() {
        let text = text.chars().take(CUT_CHARACTERS).collect();
        let cut = CaseAnswer { question: *question, text };
        let office = stray(conn, job, &cut).await?.office;
        return Ok(Taken { is_kept: false, office });
    }
    let Some((case, site, device, from, to)) = asked(conn, job, *question).await? else {
        return stray(conn, job, answer).await;
    };
    let person = job.who.person;
    let earlier: Vec<String> = sqlx::query_scalar(
        "select reason from desk_case_action where question = ? and action = ? order by id desc",
    )
    .bind(number(*question))
    .bind(ANSWERED)
    .fetch_all(&mut *conn)
    .await?;
    if earlier.first() == Some(text) {
        return Ok(Taken::nothing(true));
    }
    if earlier.len() >= ANSWERS_MAX {
        return Ok(Taken::nothing(false));
    }
    sqlx::query(
        "insert into desk_case_action (desk_case, at_ms, person, action, reason, question)
         values (?, ?, ?, ?, ?, ?)",
    )
    .bind(case)
    .bind(job.now_ms)
    .bind(person.0)
    .bind(ANSWERED)
    .bind(text)
    .bind(number(*question))
    .execute(&mut *conn)
    .await?;
    if earlier.is_empty() {
        waits_for(conn, case, None).await?;
    }
    let device = DeviceId(device);
    let numbers = (from.unsigned_abs(), to.unsigned_abs());
    let asked = question.to_string();
    let mut news: BTreeMap<u64, Told> = BTreeMap::new();
    for range in load::receipts(conn, device, numbers).await? {
        let of = range.told.why.as_ref().and_then(|why| why.params.get(QUESTION_ID));
        if of != Some(&asked) {
            continue;
        }
        let mut told = range.told;
        if let Some(why) = &mut told.why {
            why.params.insert(ANSWER.to_owned(), text.clone());
        }
        news.extend((range.from..=range.to).map(|n| (n, told.clone())));
    }
    write::tell(conn, BTreeMap::from([((device, person), news)])).await?;
    Ok(Taken { is_kept: true, office: site.map(SiteId) })
}

/// The case of a question that the person was asked: its id, site, device and numbers.
type Asked = (i64, Option<u32>, u32, i64, i64);

async fn asked(
    conn: &mut SqliteConnection,
    job: &AnswersJob,
    question: u64,
) -> Result<Option<Asked>> {
    let Ok(question) = i64::try_from(question) else { return Ok(None) };
    let asked = sqlx::query_as(
        "select d.id, d.site, d.device, d.from_number, d.to_number from desk_case_action a
           join desk_case d on d.id = a.desk_case
         where a.question = ? and a.action = ? and d.person = ?",
    );
    let asked = asked.bind(question).bind(RETURNED).bind(job.who.person.0);
    Ok(asked.fetch_optional(conn).await?)
}

/// An answer to no question that is known here, such as one asked after the backup that the server
/// was restored from: it is somebody's saved work, and the office sees it. Beyond the most open
/// cases of a device it stays the phone's.
async fn stray(
    conn: &mut SqliteConnection,
    job: &AnswersJob,
    answer: &CaseAnswer,
) -> Result<Taken> {
    let Bearer { person, device } = job.who;
    let asked = answer.question.to_string();
    let (same, open): (i64, i64) = sqlx::query_as(
        "select coalesce(sum(json_extract(params, '$.question_id') = ?
             and json_extract(params, '$.answer') = ?), 0),
           coalesce(sum(closed_ms is null), 0) from desk_case where device = ? and kind = ?",
    )
    .bind(&asked)
    .bind(&answer.text)
    .bind(device.0)
    .bind(STRAY_ANSWER)
    .fetch_one(&mut *conn)
    .await?;
    if same > 0 || open >= STRAY_MAX {
        return Ok(Taken::nothing(same > 0));
    }
    let why = Why::new(STRAY_ANSWER).with(QUESTION_ID, asked).with(ANSWER, &answer.text);
    let case = DeskCase { kind: STRAY_ANSWER, person, device, from: 0, to: 0, why };
    write::desk_case(conn, job.site, None, &case, job.now_ms).await?;
    Ok(Taken { is_kept: true, office: job.site })
}

/// What somebody said of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseWord {
    /// The case.
    pub case: i64,
    /// When.
    pub at_ms: WallMs,
    /// Who.
    pub person: PersonId,
    /// What: a decision, a question, an answer.
    pub action: String,
    /// Why; the question or the answer itself.
    pub reason: String,
}

/// Who said what of these cases, oldest first.
///
/// # Errors
/// If the database does not answer.
pub async fn words(conn: &mut SqliteConnection, cases: &[i64]) -> Result<Vec<CaseWord>> {
    let rows: Vec<(i64, i64, u32, String, String)> = sqlx::query_as(
        "select desk_case, at_ms, person, action, reason from desk_case_action
         where desk_case in (select value from json_each(?)) order by id limit ?",
    )
    .bind(serde_json::json!(cases).to_string())
    .bind(WORDS_MAX)
    .fetch_all(conn)
    .await?;
    let word = |(case, at_ms, person, action, reason)| CaseWord {
        case,
        at_ms,
        person: PersonId(person),
        action,
        reason,
    };
    Ok(rows.into_iter().map(word).collect())
}

/// Words read at most.
const WORDS_MAX: i64 = 500;

//! Questions of the office about commands that it has in its review list, and the person's answers:
//! saved here first, sent with every request until the server has them.

use std::collections::BTreeMap;

use super::{Inner, Replica};
use crate::Result;
use crate::model::id::{FactKey, PersonId, RecordId};
use crate::model::time::WallMs;
use crate::protocol::limits::CASE_ANSWERS_MAX;
use crate::protocol::message::{ANSWER, ASKED_BY, CaseAnswer, QUESTION, QUESTION_ID};
use crate::rules::{Denial, DenialCode, check_case_text};
use crate::store::{PendingState, StoreWrite};

/// A question of the office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its number.
    pub question: u64,
    /// What is asked.
    pub text: String,
    /// The name of whoever asks.
    pub by: String,
    /// The record of the commands it is about.
    pub record: RecordId,
    /// The numbers of the commands.
    pub numbers: Vec<u64>,
    /// The first fact of the first of them.
    pub key: FactKey,
    /// When that one was refused or saved, by the phone's wall clock.
    pub saved_wall_ms: WallMs,
    /// What the person has answered, sent or not.
    pub answer: Option<String>,
}

/// A command as a question is about it.
struct Asked {
    n: u64,
    record: RecordId,
    key: Option<FactKey>,
    at_ms: WallMs,
    params: BTreeMap<String, String>,
}

impl Replica {
    /// The office's questions about what is refused or waits, by their numbers; answered ones too,
    /// until the office has decided.
    ///
    /// # Errors
    /// If the store does not answer, or before anybody enrolled.
    pub async fn questions(&self) -> Result<Vec<Question>> {
        let inner = self.inner().await?;
        let owner = inner.owner()?;
        self.questions_of(&inner, owner).await
    }

    pub(super) async fn questions_of(
        &self,
        inner: &Inner,
        owner: PersonId,
    ) -> Result<Vec<Question>> {
        let refused = self.store.refused_apart(owner).await?.0.into_iter().map(|row| Asked {
            n: row.n,
            record: row.record,
            key: row.facts.first().map(|fact| fact.key),
            at_ms: row.refused_wall_ms,
            params: row.params,
        });
        // Of what does not read nobody knows what is asked.
        let pending = self.store.pending_apart(owner).await?.0;
        let held = pending.into_iter().filter(|row| row.state == PendingState::Held);
        let held = held.map(|row| Asked {
            n: row.n,
            record: row.record,
            key: row.facts.first().map(|fact| fact.key),
            at_ms: row.saved_wall_ms,
            params: row.params,
        });
        let mut questions: BTreeMap<u64, Question> = BTreeMap::new();
        for Asked { n, record, key, at_ms, params } in refused.chain(held) {
            let number = params.get(QUESTION_ID).and_then(|text| text.parse().ok());
            let (Some(question), Some(text)) = (number, params.get(QUESTION)) else { continue };
            let Some(key) = key else { continue };
            let entry = questions.entry(question).or_insert_with(|| Question {
                question,
                text: text.clone(),
                by: params.get(ASKED_BY).cloned().unwrap_or_default(),
                record,
                numbers: Vec::new(),
                key,
                saved_wall_ms: at_ms,
                answer: inner.state.case_answers.get(&question).or(params.get(ANSWER)).cloned(),
            });
            entry.numbers.push(n);
        }
        Ok(questions.into_values().collect())
    }

    /// Saves the person's answer to a question of the office; it goes out with the next sync.
    ///
    /// # Errors
    /// A denial if there is no such question that is not answered yet, or the text is empty or too
    /// long.
    pub async fn answer_question(&self, question: u64, text: &str) -> Result<()> {
        check_case_text(ANSWER, text)?;
        let mut inner = self.inner().await?;
        let owner = inner.owner()?;
        let questions = self.questions_of(&inner, owner).await?;
        let asked = questions.iter().find(|asked| asked.question == question);
        // One that the server has is in its log for good.
        let open = asked.is_some_and(|asked| {
            asked.answer.is_none() || inner.state.case_answers.contains_key(&question)
        });
        if !open {
            return Err(Denial::new(DenialCode::NoSuchFact).into());
        }
        let write = StoreWrite::PutCaseAnswer { owner, question, text: text.to_owned() };
        inner.in_doubt = true;
        self.store.apply("case_answer", &[write]).await?;
        inner.in_doubt = false;
        inner.state.case_answers.insert(question, text.to_owned());
        inner.schedule.handle_work(self.clock.monotonic_ms());
        Ok(())
    }
}

impl Inner {
    /// What the next request answers to the office's questions.
    pub(super) fn case_answers(&self) -> Option<Vec<CaseAnswer>> {
        let answers = self.state.case_answers.iter().take(CASE_ANSWERS_MAX);
        let answers: Vec<CaseAnswer> = answers
            .map(|(question, text)| CaseAnswer { question: *question, text: text.clone() })
            .collect();
        (!answers.is_empty()).then_some(answers)
    }

    /// Whether one request does not take them all.
    pub(super) fn has_more_answers(&self) -> bool {
        self.state.case_answers.len() > CASE_ANSWERS_MAX
    }
}

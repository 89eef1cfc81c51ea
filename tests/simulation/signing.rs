//! Customers who sign with a finger while the app may be killed at any moment: what was drawn
//! outlives it, and only the command `sign` makes a signature of it.

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::rules::signature::Strokes;
use sync_core::rules::statement::Language;

use super::acting::{Carrier, Done};

/// A stroke.
type Stroke = Vec<(u32, u32)>;

/// What a phone's customers have drawn.
#[derive(Debug, Default)]
pub struct Ink {
    /// A signing that was begun and not ended.
    pub open: Option<Open>,
    /// Every drawing that the command `sign` was given, as facts hold it.
    pub given: Vec<String>,
    /// Signings taken up again with what was drawn before.
    pub resumed: u64,
}

/// A signing on the screen.
#[derive(Debug)]
pub struct Open {
    record: RecordId,
    kind: String,
    visit: FactKey,
    /// How `sign` is to be given.
    command: Value,
    drawn: Vec<Stroke>,
    /// Drawn when the app was killed: it may be there.
    in_doubt: Option<Stroke>,
    /// The app was killed in its beginning, its end or the signing itself: it may be over.
    may_be_over: bool,
}

const SIZE: (u32, u32) = (1_000, 400);

impl Carrier {
    /// Signs: on the screen stroke by stroke, or with what the app has kept itself.
    pub async fn sign(&self, record: RecordId, kind: &str, mut value: Value, done: &mut Done) {
        let visit: FactKey = value["visit"].as_str().expect("a key").parse().expect("a key");
        let strokes = self.strokes();
        value["strokes"] = json!({ "width": SIZE.0, "height": SIZE.1, "strokes": strokes });
        let is_open = self.ink().open.as_mut().map(|open| open.may_be_over = true).is_some();
        if is_open || self.dice.happens(150) {
            return self.give(record, kind, value, done).await;
        }
        let begun = self.replica.begin_signing((record, visit), Language::ZhCn, SIZE).await;
        done.trace.push(format!("begins to sign {:?}", begun.is_ok()));
        let may_be_over = match begun {
            Ok(_) => false,
            Err(sync_core::Error::Denied(_)) => return,
            Err(_) => true,
        };
        let (drawn, in_doubt) = (Vec::new(), None);
        let (kind_of, command) = (kind.to_owned(), value.clone());
        let open = Open { record, kind: kind_of, visit, command, drawn, in_doubt, may_be_over };
        self.ink().open = Some(open);
        if may_be_over {
            return;
        }
        for stroke in strokes {
            let kept = self.replica.add_strokes(vec![stroke.clone()]).await;
            let mut ink = self.ink();
            let open = ink.open.as_mut().expect("begun");
            if kept.is_err() {
                open.in_doubt = Some(stroke);
                return;
            }
            open.drawn.push(stroke);
        }
        // A call comes in.
        if self.dice.happens(500) {
            return;
        }
        self.ink().open.as_mut().expect("begun").may_be_over = true;
        self.give(record, kind, value, done).await;
        self.end().await;
    }

    /// Goes on with what was begun before the app was killed or put away.
    pub async fn resume(&self, done: &mut Done) {
        if self.ink().open.is_none() {
            return;
        }
        let Ok(resumed) = self.replica.resume_signing().await else { return };
        done.trace.push(format!("resumes {:?}", resumed.is_some()));
        let Some(resumed) = resumed else {
            let (may_be_over, of) = {
                let ink = self.ink();
                let open = ink.open.as_ref().expect("looked at");
                (open.may_be_over, (open.record, open.visit))
            };
            let shown = self.replica.statement(of.0, of.1, Language::ZhCn).await;
            assert!(may_be_over || shown.is_err(), "what was begun is gone: {of:?}");
            self.ink().open = None;
            return;
        };
        let (record, kind, command) = {
            let mut ink = self.ink();
            let open = ink.open.as_mut().expect("looked at");
            let mut more = open.drawn.clone();
            more.extend(open.in_doubt.clone());
            let here = &resumed.signing.strokes.strokes;
            assert_eq!((open.record, open.visit), (resumed.signing.record, resumed.signing.visit));
            let is_kept = *here == open.drawn || *here == more;
            assert!(resumed.changed || is_kept, "what was drawn is kept: {here:?} {open:?}");
            let mut command = open.command.clone();
            command["strokes"]["strokes"] = json!(here);
            let (record, kind) = (open.record, open.kind.clone());
            ink.resumed += u64::from(!resumed.changed && !here.is_empty());
            (record, kind, command)
        };
        if self.dice.happens(500) {
            let strokes = &resumed.signing.strokes;
            if strokes.check_ink().is_ok() {
                self.ink().open.as_mut().expect("begun").may_be_over = true;
                self.give(record, &kind, command, done).await;
            }
        }
        self.end().await;
    }

    /// The command itself.
    async fn give(&self, record: RecordId, kind: &str, value: Value, done: &mut Done) {
        let strokes: Strokes = serde_json::from_value(value["strokes"].clone()).expect("strokes");
        self.ink().given.push(strokes.encode().expect("a drawing"));
        self.perform(Some(record), kind, value, done).await;
    }

    async fn end(&self) {
        let mut is_over = self.replica.drop_signing().await.is_ok();
        is_over |= self.ink().open.is_none();
        let mut ink = self.ink();
        if is_over {
            ink.open = None;
        } else if let Some(open) = &mut ink.open {
            open.may_be_over = true;
        }
    }

    /// A name nobody else writes.
    fn strokes(&self) -> Vec<Stroke> {
        let point = |low: usize, high: usize| {
            let within = |most: usize| u32::try_from(self.dice.below(most)).expect("small");
            (u32::try_from(low).expect("small") + within(high - low), within(400))
        };
        let mut strokes = vec![vec![(50, 60), (300, 330)], vec![(600, 90), (820, 250)]];
        for _ in 0..=self.dice.below(3) {
            strokes.push((0..4).map(|_| point(100, 900)).collect());
        }
        strokes
    }
}

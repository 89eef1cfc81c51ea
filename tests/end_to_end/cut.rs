//! An answer that is lost after the server's commit, and more work on the old chain.

use serde_json::Value;
use sync_core::Error;

use super::line::Line;
use super::stage::{Stage, facts, notes};

#[tokio::test]
async fn after_a_cut_answer_everything_is_accounted_for_and_nothing_is_there_twice() {
    for with_refused in [false, true] {
        let stage = Stage::new().await;
        let mut office = stage.office("sun").await;
        let line = Line::to(&stage.url).await;
        let wang = stage.phone_over(stage.wang, &line.url).await;
        let chen = stage.phone(stage.chen).await;
        let record = office.dispatch(stage.wang, "厨房漏水").await;
        wang.sync().await;
        wang.note(record, "一").await;
        if with_refused {
            wang.cancel_unjudged(record).await;
        }
        wang.note(record, "二").await;
        let refused = u64::from(with_refused);
        line.cut_next_answer();
        let cut = wang.replica.sync(100).await;
        let Err(Error::Offline { detail }) = cut else { panic!("{cut:?}") };
        assert_eq!((detail.as_str(), line.has_cut()), ("the answer was cut off", true));
        let there = office.read(record).await;
        assert_eq!(notes(&there["review"]), ["一", "二"], "the server had committed");
        assert_eq!(wang.account().await, [2 + refused, 0, 0, 0, 2 + refused]);

        wang.note(record, "三").await;
        wang.note(record, "四").await;
        let report = wang.sync().await;
        assert_eq!(report.refused, refused);
        assert_eq!(wang.account().await, [4 + refused, 4, 0, refused, 0]);
        chen.sync().await;
        let review = stage.all_equal(&office, &[&wang, &chen], record).await;
        assert_eq!(notes(&review), ["一", "二", "三", "四"]);
        assert_eq!(facts(&review, "cancelled"), [] as [&Value; 0]);
        let (_, page) = office.get("/v1/office/desk-cases?closed=true").await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(usize::from(with_refused)));
        let clean = wang.sync().await;
        assert_eq!((clean.pushed, clean.received), (0, 0));
    }
}

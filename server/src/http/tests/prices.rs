//! The catalogue of paid services from a sheet: what is opened and proposed, by whom, and that no
//! sheet approves anything.

use serde_json::{Value, json};
use sync_core::model::person::Role;

use super::imports::{counts, give, number, upload};
use super::{Desk, Site};

const PRICES: &str = "服务项目,单位,单价,类别,生效日期\n\
                      日常保洁,小时,45,家政服务,2026-12-01\n\
                      更换水龙头,次,\"1,030.50\",零修,2026/12/1\n";
const PATH: &str = "prices?site=7";

/// Wu of operations, Hu of cleaning, Gao who approves.
async fn managers() -> (Site, [Desk; 3]) {
    let site = Site::new().await;
    give(&site, "吴经理", "wu", Role::OperationsManager).await;
    give(&site, "胡经理", "hu", Role::CleaningManager).await;
    give(&site, "高总", "gao", Role::GeneralManager).await;
    let desks = [site.desk("wu").await, site.desk("hu").await, site.desk("gao").await];
    (site, desks)
}

async fn items(site: &Site, desk: &Desk) -> Vec<Value> {
    let list = site.get("/v1/records?site=7&kind=price_item", &desk.reads()).await.json();
    list["items"].as_array().expect("a list").clone()
}

/// The prices of the item with a name, and its record.
async fn prices_of(site: &Site, desk: &Desk, name: &str) -> (String, Vec<Value>) {
    for item in items(site, desk).await {
        let record = item["record"].as_str().expect("an id").to_owned();
        let read = site.get(&format!("/v1/records/{record}"), &desk.reads()).await.json();
        let review = &read["review"];
        if review["fields"]["name"]["value"] == name {
            return (record, review["details"]["prices"].as_array().expect("a list").clone());
        }
    }
    panic!("{name} is there")
}

async fn exported(site: &Site, desk: &Desk) -> String {
    let given = site.get("/v1/exports/prices?site=7", &desk.reads()).await;
    assert_eq!(given.status, 200, "{:?}", given.json());
    String::from_utf8(given.bytes).expect("text")
}

/// R6.11
#[tokio::test]
async fn new_items_are_opened_and_priced_once_and_approved_by_nobody() {
    let (site, [wu, ..]) = managers().await;
    let dry = upload(&site, &wu, "1", "prices?site=7&dry_run=true", PRICES).await;
    assert_eq!(counts(&dry), [2, 0, 0, 0]);
    assert_eq!(number(&site, "select count(*) from record").await, 0);
    let first = upload(&site, &wu, "2", PATH, PRICES).await;
    assert_eq!(counts(&first), [2, 0, 0, 0]);
    assert_eq!(upload(&site, &wu, "2", PATH, PRICES).await.bytes, first.bytes);
    assert_eq!(counts(&upload(&site, &wu, "3", PATH, PRICES).await), [0, 0, 0, 2]);
    let items = items(&site, &wu).await;
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|item| item["status"] == "proposed"), "{items:?}");
    let (_, prices) = prices_of(&site, &wu, "更换水龙头").await;
    assert_eq!(prices.len(), 1);
    assert_eq!(
        (&prices[0]["amount_fen"], &prices[0]["approved"]),
        (&json!(103_050), &json!(false))
    );
    let text = exported(&site, &wu).await;
    let expected = "\u{feff}item,unit,price,service,from\n\
                    日常保洁,小时,45.00,household,2026-12-01\n\
                    更换水龙头,次,1030.50,home_repair,2026-12-01\n";
    assert_eq!(text, expected);
    assert_eq!(counts(&upload(&site, &wu, "4", PATH, &text).await), [0, 0, 0, 2]);
    assert_eq!(site.world.app.sync.check().await.expect("checks").mismatches, []);
    let example = include_str!("../../../../docs/examples/prices.csv");
    assert_eq!(counts(&upload(&site, &wu, "5", PATH, example).await), [2, 1, 0, 1]);
}

/// R6.11
#[tokio::test]
async fn a_price_that_differs_is_proposed_and_one_turned_down_is_not_proposed_again() {
    let (site, [wu, hu, gao]) = managers().await;
    upload(&site, &wu, "1", PATH, PRICES).await;
    let dearer = "item,unit,price,from\n日常保洁,小时,50,2027-01-01\n";
    assert_eq!(counts(&upload(&site, &hu, "2", PATH, dearer).await), [0, 1, 0, 0]);
    let (record, prices) = prices_of(&site, &wu, "日常保洁").await;
    let amounts: Vec<&Value> = prices.iter().map(|price| &price["amount_fen"]).collect();
    assert_eq!(amounts, [4_500, 5_000]);
    let no = json!({ "command": "record", "fact": {
        "t": "price_rejected", "p": { "price": prices[1]["key"], "reason": "太贵" },
    } });
    let path = format!("/v1/records/{record}/commands");
    let answer = site.post(&path, &gao.writes("no"), &no).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    assert_eq!(counts(&upload(&site, &hu, "3", PATH, dearer).await), [0, 0, 0, 1]);
    // What goes out is what stands, and it changes nothing when it comes back.
    let text = exported(&site, &hu).await;
    assert!(text.contains("日常保洁,小时,45.00,household,2026-12-01\n"), "{text}");
    assert_eq!(counts(&upload(&site, &hu, "4", PATH, &text).await), [0, 0, 0, 2]);
    // Without a day a row says what it costs alone, and a new price holds from today on.
    let today = "item,unit,price\n日常保洁,小时,45\n更换水龙头,次,31\n";
    assert_eq!(counts(&upload(&site, &wu, "5", PATH, today).await), [0, 1, 0, 1]);
    let (_, prices) = prices_of(&site, &wu, "更换水龙头").await;
    assert_eq!(prices[1]["from_date"], "2026-09-21");
    // One that is sold no more is another item when it comes again.
    let end = json!({ "command": "record", "fact": {
        "t": "price_item_ended", "p": { "reason": "不再提供" },
    } });
    assert_eq!(site.post(&path, &wu.writes("end"), &end).await.status, 200);
    assert_eq!(counts(&upload(&site, &wu, "6", PATH, PRICES).await), [1, 1, 0, 0]);
}

#[tokio::test]
async fn a_dry_run_names_each_problem_of_prices_and_nothing_is_opened() {
    let (site, [wu, hu, _]) = managers().await;
    let bad = format!(
        "{PRICES}日常保洁,小时,46,家政服务,\n搬家,次,x,家政服务,\n搬家,趟,5,搬运,\n\
         搬家,车,5,,\n搬家,人,5,家政服务,昨天\n,人,5,家政服务,\n\
         搬家,层,100000000.01,家政服务,\n"
    );
    let dry = upload(&site, &hu, "1", "prices?site=7&dry_run=true", &bad).await;
    let problem =
        |row: u32, column: &str, code: &str| json!({ "row": row, "column": column, "code": code });
    let expected = json!([
        problem(3, "service", "not_yours"),
        problem(4, "item", "twice"),
        problem(5, "price", "bad_number"),
        problem(6, "service", "unknown_kind"),
        problem(7, "service", "missing"),
        problem(8, "from", "bad_date"),
        problem(9, "item", "missing"),
        problem(10, "price", "bad_number"),
    ]);
    assert_eq!(dry.json()["problems"], expected);
    assert_eq!(upload(&site, &hu, "2", PATH, &bad).await.status, 422);
    assert_eq!(number(&site, "select count(*) from record").await, 0);
    upload(&site, &wu, "3", PATH, PRICES).await;
    let other = "item,unit,price,service\n日常保洁,小时,46,商务服务\n";
    let dry = upload(&site, &wu, "4", "prices?site=7&dry_run=true", other).await;
    assert_eq!(dry.json()["problems"], json!([problem(2, "service", "differs")]));
}

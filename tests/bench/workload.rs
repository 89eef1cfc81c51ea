//! The workload "shift end": devices fill in work orders without signal, each record by the same
//! 22 edits. Deterministic: an integer generator seeded by names, drawn from in a fixed order, so
//! that any other harness makes the very same records; the published digests say whether it did.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use sync_core::model::canonical;

/// What the published digests were made with.
pub const SEED: &str = "shift-1";
/// Records of one device, where nothing else is asked for.
pub const RECORDS: u32 = 40;
/// Edits of one record.
pub const EDITS: usize = 22;

/// The digests published with the workload, by number of devices.
pub const PUBLISHED: [(u32, &str); 3] = [
    (5, "4a7fed32a5e471dc06ff1883392bf0aad45cbcbc9377d2ddcd3b93b8dcb42a7a"),
    (20, "d60a85a36076421ea07b111d8a4a1a0b66bbdb9b67adc955330dd92bbfb02ca3"),
    (80, "ee2b66c1f82d22338a937913ae5d644dae91b684215fa9be7f22e7114fdd8fbb"),
];

/// The base of all timestamps, seconds since 1970.
const T0: i64 = 1_764_000_000;

const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗";
const GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华";
const CITIES: [[&str; 3]; 5] = [
    ["广东省", "深圳市", "南山区"],
    ["浙江省", "杭州市", "西湖区"],
    ["江苏省", "苏州市", "工业园区"],
    ["四川省", "成都市", "武侯区"],
    ["湖北省", "武汉市", "洪山区"],
];
const STREETS: [&str; 8] = [
    "科技园南路",
    "文三西路",
    "星湖街",
    "天府大道北段",
    "珞喻路",
    "高新大道",
    "翠园路",
    "人民南路",
];
const KINDS: [&str; 6] =
    ["空调维修", "燃气表检修", "电梯保养", "热水器安装", "水管漏水抢修", "智能锁更换"];
const STEPS: [&str; 12] = [
    "出发",
    "到达小区",
    "登记门岗",
    "电话联系客户",
    "敲门",
    "客户开门",
    "出示工牌",
    "穿鞋套",
    "确认故障",
    "开始作业",
    "清理现场",
    "离开",
];
const MATERIALS: [[&str; 2]; 10] = [
    ["铜管", "米"],
    ["密封圈", "个"],
    ["制冷剂", "克"],
    ["电容", "个"],
    ["阀门", "个"],
    ["滤网", "片"],
    ["螺丝包", "包"],
    ["接线端子", "个"],
    ["胶带", "卷"],
    ["温控器", "个"],
];
const PHRASES: [&str; 30] = [
    "客户反映设备启动后有异响",
    "现场检查发现滤网严重堵塞",
    "更换新的密封圈后试压正常",
    "室外机支架有轻微锈蚀",
    "建议三个月后再次上门复查",
    "已向客户说明使用注意事项",
    "门口堆放杂物影响作业",
    "电源线路存在老化现象",
    "测量进出水温差为八度",
    "排水管坡度不足已重新固定",
    "客户要求下午三点前完成",
    "旧零件已当面交还客户",
    "阀门处有少量渗漏痕迹",
    "压力表读数稳定在正常范围",
    "因配件缺货需要二次上门",
    "楼道照明不足使用头灯作业",
    "客户不在家由邻居代为开门",
    "设备编号与系统登记不一致",
    "清洗后噪音明显下降",
    "已拍照留存并上传至工单",
    "安装位置距离插座较远",
    "试运行二十分钟无异常",
    "物业要求登记动火作业",
    "儿童房风口需要调整方向",
    "保修期内不收取人工费用",
    "遥控器电池仓接触不良",
    "冷媒压力偏低已补充",
    "墙面开孔处已做防水处理",
    "客户对服务表示满意",
    "下次保养时间已与客户约定",
];

/// Mulberry32, seeded by the FNV-1a of a name.
struct Draws(u32);

impl Draws {
    fn of(name: &str) -> Self {
        let hash = |h: u32, byte: u8| (h ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self(name.bytes().fold(0x811c_9dc5, hash))
    }

    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x6d2b_79f5);
        let mut t = self.0;
        t = (t ^ (t >> 15)).wrapping_mul(t | 1);
        t ^= t.wrapping_add((t ^ (t >> 7)).wrapping_mul(t | 61));
        t ^ (t >> 14)
    }

    /// Below `k`.
    fn n(&mut self, k: u32) -> i64 {
        i64::from(self.next() % k)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let count = u32::try_from(from.len()).expect("a short list");
        from[(self.next() % count) as usize]
    }

    fn character(&mut self, of: &str) -> char {
        let all: Vec<char> = of.chars().collect();
        self.pick(&all)
    }

    fn name(&mut self) -> String {
        [SURNAMES, GIVEN, GIVEN].map(|of| self.character(of)).iter().collect()
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.n(10).to_string()).collect()
    }

    fn hex(&mut self, count: usize) -> String {
        (0..count).map(|_| format!("{:x}", self.n(16))).collect()
    }
}

/// A record and how it came about: each edit is a list of operations, `["set", path, value]`,
/// `["push", path, value]` or `["text", path, appended]`.
pub struct Record {
    /// Its edits, in order.
    pub edits: Vec<Value>,
}

impl Record {
    /// The record after its first `edits` edits.
    pub fn after(&self, edits: usize) -> Value {
        let mut record = json!({});
        self.edits.iter().take(edits).for_each(|edit| apply(&mut record, edit));
        record
    }
}

/// Record `r` of device `d`.
pub fn make_record(seed: &str, d: u32, r: u32) -> Record {
    let g = &mut Draws::of(&format!("{seed}/{d}/{r}"));
    let mut t = T0 + i64::from(d) * 7 + i64::from(r) * 900 + g.n(600);
    let city = g.pick(&CITIES);
    let kind = g.pick(&KINDS);
    let technician = g.name();
    let mut edits = vec![json!([["set", [], opened(g, (d, r), t, (city, kind, &technician))]])];
    t += 60 + g.n(600);
    let window = json!({ "window_from": t + 1_800, "window_to": t + 9_000 });
    edits.push(json!([
        ["set", ["status"], "已接单"],
        ["set", ["schedule"], window],
        ["set", ["updated_at"], t]
    ]));
    for step in STEPS {
        t += 20 + g.n(400);
        let line = json!({ "step": step, "at": t, "by": technician, "ok": g.n(10) != 0 });
        edits.push(json!([["push", ["door_log"], line], ["set", ["updated_at"], t]]));
    }
    let mut notes: Vec<char> = Vec::new();
    while notes.len() < 200 {
        notes.extend(g.pick(&PHRASES).chars().chain(['，']));
    }
    for part in [&notes[..120], &notes[120..200]] {
        t += 30 + g.n(90);
        let text: String = part.iter().collect();
        edits.push(json!([["text", ["notes"], text], ["set", ["updated_at"], t]]));
    }
    finish(g, t, &mut edits);
    Record { edits }
}

fn opened(
    g: &mut Draws,
    (d, r): (u32, u32),
    t: i64,
    (city, kind, technician): ([&str; 3], &str, &str),
) -> Value {
    // The members are drawn in the order in which they stand.
    let (priority, team) = (1 + g.n(4), format!("第{}班组", 1 + g.n(9)));
    let assignee = json!({
        "id": format!("u{}", g.digits(6)),
        "name": technician,
        "phone": format!("1{}", g.digits(10)),
    });
    let customer = json!({
        "id": format!("c{}", g.digits(8)),
        "name": g.name(),
        "phone": format!("1{}", g.digits(10)),
        "level": g.n(5),
    });
    let site = json!({
        "province": city[0], "city": city[1], "district": city[2],
        "street": format!("{}{}号", g.pick(&STREETS), 1 + g.n(300)),
        "room": format!("{}栋{}室", 1 + g.n(20), 100 + g.n(3_000)),
        "lat_e6": 22_000_000 + g.n(9_000_000),
        "lng_e6": 104_000_000 + g.n(16_000_000),
    });
    let asset = json!({
        "id": format!("a{}", g.digits(8)),
        "model": format!("KFR-{}GW", g.digits(3)),
        "serial": g.hex(16),
        "warranty_until": T0 + g.n(90_000_000),
    });
    json!({
        "id": format!("wo-{d:03}-{r:04}"), "kind": kind, "status": "待派单",
        "priority": priority, "title": format!("{kind}（{}）", city[2]),
        "created_at": t, "updated_at": t, "due_at": t + 86_400, "team": team,
        "assignee": assignee, "customer": customer, "site": site, "asset": asset,
        "door_log": [], "materials": [], "notes": "",
    })
}

/// Materials, signature, rating, charge, done.
fn finish(g: &mut Draws, mut t: i64, edits: &mut Vec<Value>) {
    let mut material_cents = 0;
    let mut lines = Vec::new();
    for _ in 0..5 {
        let [name, unit] = g.pick(&MATERIALS);
        let (qty, price_cents) = (1 + g.n(9), 100 + g.n(9_900));
        material_cents += qty * price_cents;
        let sku = format!("m{}", g.digits(6));
        let line = json!({ "sku": sku, "name": name, "unit": unit, "qty": qty,
            "price_cents": price_cents });
        lines.push(json!(["push", ["materials"], line]));
    }
    for lines in [&lines[..3], &lines[3..]] {
        t += 40;
        let set = [json!(["set", ["updated_at"], t])];
        edits.push(Value::Array(lines.iter().chain(&set).cloned().collect()));
    }
    t += 50;
    let signature = json!({ "signer": g.name(), "role": "客户", "signed_at": t,
        "device": g.hex(12), "sha256": g.hex(64), "strokes": 20 + g.n(200), "w": 640, "h": 240 });
    edits.push(json!([["set", ["signature"], signature], ["set", ["updated_at"], t]]));
    t += 20;
    let rating = json!({ "score": 1 + g.n(5), "comment": g.pick(&PHRASES) });
    edits.push(json!([["set", ["rating"], rating], ["set", ["updated_at"], t]]));
    let labor = 5_000 + g.n(30_000);
    t += 20;
    let charge = json!({ "labor_cents": labor, "material_cents": material_cents,
        "travel_cents": 1_000, "total_cents": labor + material_cents + 1_000, "currency": "CNY",
        "paid": g.n(2) == 1 });
    edits.push(json!([["set", ["charge"], charge], ["set", ["updated_at"], t]]));
    t += 60;
    edits.push(json!([
        ["set", ["status"], "已完成"],
        ["set", ["schedule", "arrived_at"], t - 3_600],
        ["set", ["schedule", "left_at"], t],
        ["set", ["updated_at"], t]
    ]));
}

/// Edit number `i` of the steady phase, of record `i % 40` of device 0.
pub fn steady_edit(seed: &str, i: u32) -> Value {
    let g = &mut Draws::of(&format!("{seed}/steady/{i}"));
    let t = T0 + 5_000_000 + i64::from(i);
    let line =
        json!({ "step": "补充", "at": t, "by": g.character(SURNAMES).to_string(), "ok": true });
    json!([
        ["set", ["rating", "score"], 1_000 + i],
        ["set", ["updated_at"], t],
        ["push", ["door_log"], line]
    ])
}

/// Carries out an edit; what does not fit leaves the record as it is, which its digest shows.
pub fn apply(record: &mut Value, edit: &Value) {
    for operation in edit.as_array().into_iter().flatten() {
        let path: Vec<&str> =
            operation[1].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        apply_one(record, operation[0].as_str().unwrap_or_default(), &path, &operation[2]);
    }
}

fn apply_one(record: &mut Value, operation: &str, path: &[&str], value: &Value) {
    let Some((last, before)) = path.split_last() else {
        let members = value.as_object().cloned().unwrap_or_default();
        record.as_object_mut().unwrap_or(&mut Map::new()).extend(members);
        return;
    };
    let mut inside = record;
    for name in before {
        inside = &mut inside[*name];
    }
    let slot = &mut inside[*last];
    match (operation, &mut *slot, value) {
        ("set", _, _) => *slot = value.clone(),
        ("push", Value::Array(list), _) => list.push(value.clone()),
        ("text", Value::String(text), Value::String(more)) => text.push_str(more),
        _ => {}
    }
}

/// The digest of one record's canonical JSON.
pub fn digest(record: &Value) -> String {
    sha256(&canonical::write(record).expect("strings, whole numbers and booleans"))
}

/// The digest of a set of records, whatever their order, from theirs.
pub fn set_digest(mut digests: Vec<String>) -> String {
    digests.sort();
    sha256(&digests.join("\n"))
}

/// What the records of so many devices come to after so many edits each.
pub fn expected_digest(seed: &str, devices: u32, records: u32, edits: usize) -> String {
    let all = (0..devices).flat_map(|d| (0..records).map(move |r| (d, r)));
    set_digest(all.map(|(d, r)| digest(&make_record(seed, d, r).after(edits))).collect())
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

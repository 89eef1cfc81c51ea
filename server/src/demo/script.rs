//! What the demo plays: an invented site, invented people, and a day's times. Everything follows
//! from the seed and the script; nothing here is anybody's data.

use std::sync::Mutex;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sync_core::environment::Randomness;
use sync_core::model::person::Role;

/// Randomness that a seed repeats. For the demo only: its keys are for show.
pub(super) struct SeededRandomness(Mutex<ChaCha8Rng>);

impl SeededRandomness {
    /// The stream of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(bytes);
    }
}

/// A minute.
pub(super) const MINUTE_MS: i64 = 60_000;
/// The midnight before the demo's day: 2026-11-25T00:00:00+08:00, a Wednesday.
pub(super) const DAY_MS: i64 = 1_795_536_000_000;
/// The day in the site's zone.
pub(super) const DAY: &str = "2026-11-25";

/// A moment of the demo's day; of the days before it with a negative `day`.
pub(super) const fn moment_ms(day: i64, hour: i64, minute: i64) -> i64 {
    DAY_MS + (day * 24 + hour) * 60 * MINUTE_MS + minute * MINUTE_MS
}

/// The site's name in both languages.
pub(super) const SITE_NAME: (&str, &str) = ("云栖苑", "Yunqi Court");

/// Who works at the site: name in Chinese and in English, sign-in name, role.
pub(super) const PEOPLE: [(&str, &str, Option<&str>, Role); 16] = [
    ("陈静", "Chen Jing", Some("chen"), Role::FrontDesk),
    ("王师傅", "Master Wang", None, Role::Technician),
    ("李师傅", "Master Li", None, Role::Technician),
    ("赵刚", "Zhao Gang", Some("zhao"), Role::EngineeringLead),
    ("孙悦", "Sun Yue", Some("sun"), Role::Assistant),
    ("周敏", "Zhou Min", Some("zhou"), Role::Supervisor),
    ("吴经理", "Manager Wu", Some("wu"), Role::ProjectManager),
    ("郑阿姨", "Auntie Zheng", None, Role::ServiceWorker),
    ("冯强", "Feng Qiang", None, Role::PatrolOfficer),
    ("管理员", "Administrator", Some("admin"), Role::Admin),
    ("贺山", "He Shan", Some("he"), Role::DutyOperator),
    ("梁总", "Director Liang", Some("liang"), Role::GeneralManager),
    ("方洁", "Fang Jie", Some("fang"), Role::CleaningManager),
    ("马勇", "Ma Yong", None, Role::Security),
    ("罗军", "Luo Jun", None, Role::Security),
    ("老秦", "Old Qin", None, Role::Technician),
];

/// Places in [`PEOPLE`]: the front desk.
pub(super) const CHEN: usize = 0;
/// A technician.
pub(super) const WANG: usize = 1;
/// Another technician.
pub(super) const LI: usize = 2;
/// Engineering's lead.
pub(super) const ZHAO: usize = 3;
/// The assistant.
pub(super) const SUN: usize = 4;
/// The supervisor.
pub(super) const ZHOU: usize = 5;
/// The project manager.
pub(super) const WU: usize = 6;
/// A service worker.
pub(super) const ZHENG: usize = 7;
/// The patrol officer.
pub(super) const FENG: usize = 8;
/// Who runs the desk at night.
pub(super) const HE: usize = 10;
/// The general manager.
pub(super) const LIANG: usize = 11;
/// The cleaning manager.
pub(super) const FANG: usize = 12;
/// Security, called first.
pub(super) const MA: usize = 13;
/// Security, called next.
pub(super) const LUO: usize = 14;
/// A technician without a phone.
pub(super) const QIN: usize = 15;

/// Family names of invented occupants.
const FAMILY_NAMES: [&str; 12] =
    ["林", "何", "高", "罗", "梁", "宋", "唐", "许", "韩", "邓", "曹", "彭"];

/// An occupant of a unit: a family name, a title, and a number of a range given to nobody.
pub(super) fn occupant(index: usize) -> (String, String) {
    let title = if index.is_multiple_of(2) { "女士" } else { "先生" };
    let name = format!("{}{title}", FAMILY_NAMES[index % FAMILY_NAMES.len()]);
    (name, format!("000-5550-{index:04}"))
}

/// The 60 units: 3 buildings, 5 floors, 4 doors each: building and unit.
pub(super) fn units() -> Vec<(String, String)> {
    let mut units = Vec::with_capacity(60);
    for building in 1..=3 {
        for floor in 1..=5 {
            for door in 1..=4 {
                units.push((building.to_string(), format!("{building}-1-{floor}{door:02}")));
            }
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_has_three_buildings_and_sixty_units() {
        let units = units();
        assert_eq!(units.len(), 60);
        let buildings: std::collections::BTreeSet<_> = units.iter().map(|unit| &unit.0).collect();
        assert_eq!(buildings.len(), 3);
    }

    #[test]
    fn the_day_begins_at_the_sites_midnight() {
        let day = chrono::DateTime::from_timestamp_millis(moment_ms(0, 8, 30)).expect("a moment");
        assert_eq!(day.to_rfc3339(), "2026-11-25T00:30:00+00:00");
        assert!(day.to_rfc3339().starts_with(DAY));
    }

    #[test]
    fn a_seed_repeats_its_bytes() {
        let draw = |seed| {
            let mut bytes = [0; 16];
            SeededRandomness::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

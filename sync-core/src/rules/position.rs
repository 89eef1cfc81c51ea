//! Distances on the ground, by arithmetic that gives the same bits on every device: no library
//! function takes part whose last digit depends on the platform.

use crate::model::patrol::Position;

/// Millimetres of one 10^-7 degree along a meridian: 40,007,863 m / 360 (mean of WGS-84).
const MM_PER_E7: f64 = 11.113_295;

/// The distance in millimetres, exact to a few in a thousand over some kilometres (R7.25).
pub(super) fn distance_mm(from: Position, to: Position) -> i64 {
    let north = (to.latitude_e7 - from.latitude_e7) as f64 * MM_PER_E7;
    let middle = (from.latitude_e7 as f64 + to.latitude_e7 as f64) / 2e7;
    let east_e7 = shorter_way(to.longitude_e7 - from.longitude_e7);
    let east = east_e7 as f64 * MM_PER_E7 * cosine(middle);
    // The square root is exact to the last bit by IEEE 754.
    (north * north + east * east).sqrt() as i64
}

/// Across the 180th meridian is nearer than around the world.
fn shorter_way(difference_e7: i64) -> i64 {
    match difference_e7 {
        ..-1_800_000_000 => difference_e7 + 3_600_000_000,
        1_800_000_001.. => difference_e7 - 3_600_000_000,
        _ => difference_e7,
    }
}

/// The cosine of an angle of at most 90 degrees, by its series.
fn cosine(degrees: f64) -> f64 {
    let x = degrees * (std::f64::consts::PI / 180.0);
    let square = x * x;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in [2.0, 4.0, 6.0, 8.0, 10.0, 12.0] {
        term = -term * square / (n * (n - 1.0));
        sum += term;
    }
    sum
}

/// Whether nobody covers that way in that time; what both readings may be off counts as no way.
/// R7.24.
pub(super) fn is_too_fast(from: Position, to: Position, took_ms: i64, max_kmh: u32) -> bool {
    let off_m = i64::from(from.accuracy_m.unwrap_or(0)) + i64::from(to.accuracy_m.unwrap_or(0));
    let way_mm = distance_mm(from, to).saturating_sub(off_m.saturating_mul(1_000));
    if way_mm <= 0 {
        return false;
    }
    // mm / ms is m / s; 1 m / s is 3.6 km / h.
    i128::from(way_mm) * 36 > i128::from(took_ms.max(0)) * i128::from(max_kmh) * 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude_e7: i64, longitude_e7: i64) -> Position {
        Position { latitude_e7, longitude_e7, accuracy_m: None }
    }

    /// R7.25
    #[test]
    fn a_hundredth_of_a_degree_is_1111_m_north_and_less_east() {
        let shanghai = at(312_300_000, 1_214_700_000);
        let north = distance_mm(shanghai, at(312_400_000, 1_214_700_000));
        assert!((1_108_000..=1_114_000).contains(&north), "{north}");
        // cos 31.23 degrees is 0.855.
        let east = distance_mm(shanghai, at(312_300_000, 1_214_800_000));
        assert!((948_000..=953_000).contains(&east), "{east}");
        assert_eq!(distance_mm(shanghai, shanghai), 0);
        assert!(distance_mm(at(0, 1_799_999_000), at(0, -1_799_999_000)) < 30_000);
    }

    /// R7.24
    #[test]
    fn twenty_kilometres_an_hour_is_the_limit_and_uncertainty_is_no_way() {
        let (from, to) = (at(0, 0), at(100_000, 0));
        let way_mm = distance_mm(from, to);
        let just_ms = way_mm * 36 / 200;
        assert!(!is_too_fast(from, to, just_ms + 1, 20));
        assert!(is_too_fast(from, to, just_ms - 1, 20));
        assert!(is_too_fast(from, to, 0, 20));
        let unsure = Position { accuracy_m: Some(600), ..to };
        assert!(!is_too_fast(Position { accuracy_m: Some(600), ..from }, unsure, 0, 20));
        assert!(!is_too_fast(from, from, 0, 20));
    }
}

//! A round's plan as a drawing: its points by latitude and longitude, joined in the order in which
//! they were visited. It is no map and shows nothing between the points.

use maud::{Markup, html};
use sync_core::model::patrol::Position;
use sync_core::rules::Coverage;

use super::words::Words;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 220.0;
const MARGIN: f64 = 24.0;
/// Points that are drawn.
const POINTS_MAX: usize = 300;

/// Draws it; points without a position stand in a line.
pub fn draw(words: Words, coverage: &[Coverage]) -> Markup {
    let coverage = &coverage[..coverage.len().min(POINTS_MAX)];
    if coverage.is_empty() {
        return html! { p.quiet { (words.say("office-none")) } };
    }
    let placed = by_position(coverage);
    let points = placed.clone().unwrap_or_else(|| in_a_line(coverage.len()));
    let height = if placed.is_some() { HEIGHT } else { MARGIN * 3.0 };
    let mut visited: Vec<(i64, usize)> = coverage
        .iter()
        .enumerate()
        .filter_map(|(index, point)| Some((point.visit.as_ref()?.at_ms, index)))
        .collect();
    visited.sort_unstable();
    let path = visited.iter().map(|(_, index)| {
        let (x, y) = points[*index];
        format!("{x:.1},{y:.1}")
    });
    let path = path.collect::<Vec<_>>().join(" ");
    html! {
        svg.plan viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            aria-label=(words.say("office-plan"))
        {
            polyline points=(path) fill="none" stroke="#0b5394" stroke-width="2" {}
            @for (index, (x, y)) in points.iter().enumerate() {
                (point(words, index, (*x, *y), &coverage[index]))
            }
        }
        p.quiet { (words.say("office-plan-signs")) }
    }
}

/// A point: full when visited, empty when not, crossed when missed.
fn point(words: Words, index: usize, (x, y): (f64, f64), covered: &Coverage) -> Markup {
    let missed = covered.missed && covered.skipped.is_none();
    let (fill, state) = match (&covered.visit, missed) {
        (Some(_), _) => ("#0b5394", "office-point-visited"),
        (None, true) => ("#ffffff", "office-missed"),
        (None, false) => ("#ffffff", "office-point-open"),
    };
    let stroke = if missed { "#a3161b" } else { "#0b5394" };
    let cross = format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0);
    html! {
        g {
            title { (index + 1) ". " (covered.checkpoint.name) ": " (words.say(state)) }
            circle cx={ (format!("{x:.1}")) } cy={ (format!("{y:.1}")) } r="7" fill=(fill)
                stroke=(stroke) stroke-width="2" {}
            @if missed && covered.visit.is_none() {
                path d=(cross) stroke=(stroke) stroke-width="2" {}
            }
            text x={ (format!("{:.1}", x + 9.0)) } y={ (format!("{:.1}", y - 7.0)) } font-size="12" {
                (index + 1)
            }
        }
    }
}

fn in_a_line(count: usize) -> Vec<(f64, f64)> {
    let last = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
    let step = (WIDTH - 2.0 * MARGIN) / f64::from(last.max(1));
    let places = 0..=last;
    places.map(|index| (MARGIN + step * f64::from(index), MARGIN * 1.6)).collect()
}

/// Places in the box, north up and with one scale, if every point has a position and they are not
/// all the same.
fn by_position(coverage: &[Coverage]) -> Option<Vec<(f64, f64)>> {
    let positions: Vec<(f64, f64)> = coverage.iter().map(position).collect::<Option<_>>()?;
    let latitude = positions.first()?.0;
    // A degree of longitude is shorter the farther from the equator.
    let narrow = latitude.to_radians().cos();
    let flat: Vec<(f64, f64)> = positions.iter().map(|(lat, lon)| (lon * narrow, -lat)).collect();
    let bounds = |side: fn(&(f64, f64)) -> f64| {
        let values = flat.iter().map(side);
        let low = values.clone().fold(f64::INFINITY, f64::min);
        (low, values.fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, right), (top, bottom)) = (bounds(|p| p.0), bounds(|p| p.1));
    let (wide, high) = (right - left, bottom - top);
    let room = (WIDTH - 2.0 * MARGIN, HEIGHT - 2.0 * MARGIN);
    let scale = (room.0 / wide.max(f64::EPSILON)).min(room.1 / high.max(f64::EPSILON));
    if wide.max(high) <= f64::EPSILON {
        return None;
    }
    let centred = ((room.0 - wide * scale) / 2.0, (room.1 - high * scale) / 2.0);
    let place = |(x, y): &(f64, f64)| {
        let x = MARGIN + centred.0 + (x - left) * scale;
        (x, MARGIN + centred.1 + (y - top) * scale)
    };
    Some(flat.iter().map(place).collect())
}

/// Where a point is: as planned, else where it was visited. Degrees.
fn position(point: &Coverage) -> Option<(f64, f64)> {
    let visited = point.visit.as_ref().and_then(|visit| visit.position);
    let Position { latitude_e7, longitude_e7, .. } = point.checkpoint.position.or(visited)?;
    let degrees = |e7: i64| i32::try_from(e7).ok().map(|e7| f64::from(e7) / 1e7);
    Some((degrees(latitude_e7)?, degrees(longitude_e7)?))
}

#[cfg(test)]
mod tests {
    use sync_core::model::patrol::Checkpoint;

    use super::*;

    fn at(latitude_e7: i64, longitude_e7: i64) -> Coverage {
        let position = Some(Position { latitude_e7, longitude_e7, accuracy_m: None });
        let checkpoint = Checkpoint {
            code: "1".into(),
            name: "1".into(),
            checklist: None,
            items: None,
            tag: None,
            position,
            radius_m: None,
        };
        Coverage { checkpoint, visit: None, skipped: None, missed: false, items: Vec::new() }
    }

    #[test]
    fn north_is_up_east_is_right_and_everything_is_in_the_box() {
        let places = by_position(&[at(300_000_000, 1_200_000_000), at(300_010_000, 1_200_020_000)]);
        let places = places.expect("placed");
        assert!(places[0].0 < places[1].0 && places[0].1 > places[1].1, "{places:?}");
        for (x, y) in places {
            assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{x} {y}");
        }
    }

    #[test]
    fn points_without_a_position_or_all_at_one_stand_in_a_line() {
        let mut nowhere = at(1, 1);
        nowhere.checkpoint.position = None;
        assert_eq!(by_position(&[at(1, 1), nowhere]), None);
        assert_eq!(by_position(&[at(5, 5), at(5, 5)]), None);
        assert_eq!(by_position(&[]), None);
        assert_eq!(in_a_line(1).len(), 1);
        let line = in_a_line(3);
        assert!(line[0].0 < line[1].0 && line[2].0 <= WIDTH - MARGIN + 0.1);
    }
}

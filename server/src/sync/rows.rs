//! Many rows in few statements: lists cut into pieces of a few fixed lengths, so that few texts are
//! prepared, with `?` placeholders (named ones are looked up one by one at every execution).

/// The lengths into which a list is cut: a remainder is not one text per length.
const LENGTHS: [usize; 4] = [32, 16, 4, 1];

/// Cuts `rows` into pieces of 32, 16, 4 and 1.
pub fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = LENGTHS.into_iter().find(|length| *length <= rows.len())?;
        let (piece, rest) = rows.split_at(length);
        rows = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_few_lengths() {
        let rows: Vec<u8> = (0..57).collect();
        let cut: Vec<_> = pieces(&rows).collect();
        assert_eq!(cut.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [32, 16, 4, 4, 1]);
        assert_eq!(cut.concat(), rows);
        assert_eq!(pieces::<u8>(&[]).count(), 0);
    }
}

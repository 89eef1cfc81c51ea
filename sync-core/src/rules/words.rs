//! Words of several people who knew nothing of one another, in one place: none of them is lost.

use super::order::Causality;
use crate::model::id::FactKey;

/// So many are shown together; a hostile record may hold any number.
const TOGETHER_MAX: usize = 5;

/// The words in their order and each once, with a stroke between them; none where there are none.
/// R8.9.
pub(super) fn together<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for word in words {
        if all.len() < TOGETHER_MAX && !all.contains(&word) {
            all.push(word);
        }
    }
    (!all.is_empty()).then(|| all.join(" / "))
}

/// Of words with their facts, in causal order, the last ones: those that no other knew of.
pub(super) fn last_words(words: &[(FactKey, &str)], causality: &Causality<'_>) -> Option<String> {
    together(causality.last(words.iter().copied()).into_iter().map(|(_, word)| word))
}

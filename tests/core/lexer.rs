//! Just enough of Rust's grammar to tell code from comments and literals, so that a search for a
//! name finds uses and not mentions. Knows no macros and no types.

/// The text with everything inside comments and literals blanked. Lines and columns stay.
pub fn code(text: &str) -> String {
    blank(text, true)
}

/// The text with everything inside literals blanked; comments stay.
pub fn without_literals(text: &str) -> String {
    blank(text, false)
}

fn blank(text: &str, comments_too: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let piece = piece(&chars, at);
        let kept = match piece.kind {
            Kind::Code => true,
            Kind::Comment => !comments_too,
            Kind::Literal => false,
        };
        for &c in &chars[at..at + piece.length] {
            out.push(if kept || c == '\n' { c } else { ' ' });
        }
        at += piece.length;
    }
    out
}

enum Kind {
    Code,
    Comment,
    Literal,
}

struct Piece {
    kind: Kind,
    length: usize,
}

fn piece(chars: &[char], at: usize) -> Piece {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => {
            let length = rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
            Piece { kind: Kind::Comment, length }
        }
        ['/', '*', ..] => Piece { kind: Kind::Comment, length: block_comment(rest) },
        ['"', ..] => Piece { kind: Kind::Literal, length: quoted(rest, '"') },
        ['r', '"' | '#', ..] if !continues_a_name(chars, at) => match raw(rest) {
            Some(length) => Piece { kind: Kind::Literal, length },
            None => Piece { kind: Kind::Code, length: 1 },
        },
        // '\n' and 'a' are characters, 'a without a closing quote is a lifetime.
        ['\'', '\\', ..] => Piece { kind: Kind::Literal, length: quoted(rest, '\'') },
        ['\'', _, '\'', ..] => Piece { kind: Kind::Literal, length: 3 },
        _ => Piece { kind: Kind::Code, length: 1 },
    }
}

/// Whether the character before belongs to a name; `br"` is no name.
fn continues_a_name(chars: &[char], at: usize) -> bool {
    let name = |at: usize| chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    match at.checked_sub(1) {
        Some(before) if chars[before] == 'b' => before.checked_sub(1).is_some_and(name),
        Some(before) => name(before),
        None => false,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a raw string, if this is one.
fn raw(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let body = 2 + hashes;
    let end = (body..rest.len()).find(|&at| {
        rest[at] == '"'
            && rest[at + 1..].iter().take_while(|&&c| c == '#').take(hashes).count() == hashes
    });
    Some(end.map_or(rest.len(), |end| end + 1 + hashes))
}

/// Where the block that opens at or after `from` (a byte offset into blanked code) ends: the
/// offset behind its closing brace. `None` if a semicolon comes first, or nothing opens.
pub fn block_end(code: &str, from: usize) -> Option<usize> {
    let mut braces = 0_usize;
    // `[u8; 4]` in a signature is no end of a declaration.
    let mut brackets = 0_usize;
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(from + at + 1);
                }
            }
            ';' if braces == 0 && brackets == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Code without what is compiled for tests only: blocks and declarations behind `#[cfg(test)]`.
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = block_end(&out, start).or_else(|| out[start..].find(';').map(|at| start + at));
        let end = end.unwrap_or(out.len());
        let blanked: String =
            out[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        out.replace_range(start..end, &blanked);
        from = start + blanked.len();
    }
    out
}

/// Where `name` stands as a whole word, as byte offsets.
pub fn words<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).map(|(at, _)| at).filter(move |&at| {
        !code[..at].ends_with(part_of_name) && !code[at + name.len()..].starts_with(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_comments_and_literals_are_not_code() {
        let text = "a(\"b\\\"c\"); // d\n/* e /* f */ g */ h('i', '\\'', r#\"j\"k\"#, b\"l\");\nfn m<'n>()";
        let words: Vec<String> = code(text)
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect();
        assert_eq!(words, ["a", "h", "b", "fn", "m", "n"]);
        assert_eq!(code(text).chars().count(), text.chars().count());
        assert!(without_literals(text).contains("// d"));
    }

    #[test]
    fn blocks_for_tests_are_left_out() {
        let text = "fn a() {}\n#[cfg(test)]\nmod golden;\nfn b() {}\n#[cfg(test)]\nmod c {\n x() }\nfn d() {}";
        let rest = without_tests(text);
        assert!(rest.contains("fn a") && rest.contains("fn b") && rest.contains("fn d"));
        assert!(!rest.contains("golden") && !rest.contains("x()"));
    }

    #[test]
    fn an_array_in_a_signature_does_not_end_it() {
        let text = "fn a(b: [u8; 4]) -> [u8; 2] { c } d";
        assert_eq!(block_end(text, 0).map(|end| &text[end..]), Some(" d"));
        assert_eq!(block_end("fn a(); {}", 0), None);
    }

    #[test]
    fn a_word_is_not_a_part_of_a_longer_one() {
        assert_eq!(words("store_a store.b restore store", "store").collect::<Vec<_>>(), [8, 24]);
    }
}

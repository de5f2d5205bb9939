//! Source: Rust without its comments and strings, and where its functions are.

/// Returns the source with every comment, string and character blanked out, line for line.
pub(crate) fn masked(source: &str) -> String {
    let letters: Vec<char> = source.chars().collect();
    let mut masked = String::with_capacity(source.len());
    let mut at = 0;
    while at < letters.len() {
        let end = at + blank_length(&letters, at);
        if end > at {
            masked.extend(letters[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            masked.push(letters[at]);
            at += 1;
        }
    }
    masked
}

/// Returns how many characters from here are a comment or a literal; 0 when this is code.
fn blank_length(letters: &[char], at: usize) -> usize {
    let rest = &letters[at..];
    let in_word = at > 0 && is_word(letters[at - 1]);
    match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => string(rest),
        ['b' | 'c', '"', ..] if !in_word => 1 + string(&rest[1..]),
        ['r', '"' | '#', ..] if !in_word => raw_string(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] if !in_word => raw_string(rest, 2),
        // A character; a lifetime has no quote behind its first letter.
        ['\'', '\\', ..] => 2 + rest[3..].iter().position(|c| *c == '\'').map_or(1, |end| end + 2),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
            }
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Returns the length of a raw string that begins with `prefix` letters; 0 for a raw identifier.
fn raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return 0;
    }
    let mut at = open + 1;
    while at < rest.len() {
        let closing = rest[at..].iter().skip(1).take(hashes).filter(|c| **c == '#').count();
        if rest[at] == '"' && closing == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    rest.len()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// A function in a source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines from there to its closing brace that are neither empty nor only comment.
    pub(crate) length: usize,
}

/// Lists the functions that have a body, in a masked source.
pub(crate) fn functions(masked: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, word) in words(masked) {
        if word != "fn" {
            continue;
        }
        let rest = &masked[at..];
        let name = words(&rest[2..]).next();
        // The types of function pointers have no name, declarations no body.
        let named = name.filter(|(gap, _)| rest[2..2 + gap].trim().is_empty());
        if let (Some((_, name)), Some(body)) = (named, body_length(rest)) {
            let lines = rest[..body].lines().filter(|line| !line.trim().is_empty());
            let line = 1 + masked[..at].matches('\n').count();
            found.push(Function { name: name.to_owned(), line, length: lines.count() });
        }
    }
    found
}

/// Returns the length in bytes from `fn` to the closing brace of its body.
fn body_length(rest: &str) -> Option<usize> {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if round == 0 && curly == 0 => return None,
            '{' => curly += 1,
            '}' => {
                curly -= 1;
                if curly == 0 && round == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Lists the words of a text with their places in bytes.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_word)?;
        let end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |len| start + len);
        at = end;
        Some((start, &text[start..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let source =
            "let a = \"fn { \\\" }\"; // fn b() {\nlet c = '{'; /* /* { */ } */ 'x: loop {}";
        let masked = masked(source);
        assert_eq!(masked.matches(['{', '}']).count(), 2, "{masked}");
        assert_eq!(masked.len(), source.len());
        assert!(!masked.contains("fn"), "{masked}");
    }

    #[test]
    fn raw_strings_end_where_their_hashes_do() {
        let masked =
            masked("a(r#\"fn \"x\" {\"#, br\"{\", r#type, b\"{\", b'{', '\\'', '\\u{7f}');");
        assert!(!masked.contains('{'), "{masked}");
        assert!(masked.contains("r#type"), "{masked}");
    }

    #[test]
    fn functions_are_measured_without_comments() {
        let source =
            "fn a();\nfn b(x: [u8; 2], f: fn(u8)) -> u8\n{\n\n// why\nif x {}\n}\nfn c() {}\n";
        let expected = [("b", 2, 4), ("c", 8, 1)];
        let found = functions(&masked(source));
        let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.length)).collect();
        assert_eq!(found, expected);
    }
}

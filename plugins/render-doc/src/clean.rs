//! Clean text: what stands in the document, without what XML 1.0 cannot carry.

/// Takes control characters and non-characters out, and makes line ends and tabs blanks.
///
/// XML 1.0 (fifth edition, 2.2) allows no C0 controls but tab and line ends, and neither U+FFFE nor
/// U+FFFF; DEL and the C1 controls are allowed but discouraged, and mean nothing in a transcript.
pub(crate) fn text(text: &str) -> String {
    let kept = text.chars().filter_map(|letter| match letter {
        '\t' | '\n' | '\r' => Some(' '),
        '\u{FFFE}' | '\u{FFFF}' => None,
        letter if letter.is_control() => None,
        letter => Some(letter),
    });
    let kept: String = kept.collect();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_carry_is_taken_out() {
        assert_eq!(text("\u{0}a\u{8}b\u{1b}[31m\u{7f}\u{85}\u{FFFF}\n"), "ab[31m");
        assert_eq!(text("one\ttwo\r\nthree"), "one two  three");
    }

    #[test]
    fn all_other_text_stays_as_it_is() {
        let odd = "<script>-->]]>&amp; =cmd 漢字 😀 é\u{301} \u{202e}right";
        assert_eq!(text(odd), odd);
    }
}

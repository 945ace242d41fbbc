//! The size of texts as Lambda writes them. An answer has at most 6 MB.

use std::borrow::Cow;

/// A text, or its beginning and the number of characters that are missing, in at most about `max`
/// bytes as written.
pub(super) fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    let mut left = max;
    let is_over = |(_, letter): &(usize, char)| match left.checked_sub(written_letter(*letter)) {
        Some(less) => {
            left = less;
            false
        }
        None => true,
    };
    match text.char_indices().find(is_over) {
        None => text.into(),
        Some((end, _)) => {
            let missing = text[end..].chars().count();
            format!("{} … and {missing} more characters", &text[..end]).into()
        }
    }
}

/// The length of a text as Lambda writes it, in bytes. The body is JSON, and a text in the JSON of
/// Lambda's own answer.
pub(super) fn written(text: &str) -> usize {
    text.chars().map(written_letter).sum()
}

fn written_letter(letter: char) -> usize {
    match letter {
        '"' | '\\' => 4,
        '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 3,
        '\0'..='\u{1f}' => 7,
        letter => letter.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shortened_by_its_size_as_written() {
        for (text, max, shown) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "abc … and 1 more characters"),
            ("\"\"\"", 8, "\"\" … and 1 more characters"),
            ("\n\n", 5, "\n … and 1 more characters"),
            ("\0\0", 13, "\0 … and 1 more characters"),
            ("ééé", 5, "éé … and 1 more characters"),
        ] {
            assert_eq!(shortened(text, max), shown, "{text:?}");
        }
    }

    #[test]
    fn the_size_is_that_of_the_text_in_two_layers_of_json() {
        for text in ["", "plain", "\"\\/", "\n\r\t\u{8}\u{c}\0\u{1f}\u{7f}", "é…😀"] {
            let body = serde_json::to_string(text).unwrap();
            let answer = serde_json::to_string(&body).unwrap();
            // Less the quotes of both layers.
            assert_eq!(written(text), answer.len() - 6, "{text:?}");
        }
    }
}

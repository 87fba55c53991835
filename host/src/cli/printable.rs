//! What others have written, made harmless for a terminal: a service's answer must not move the cursor, or turn the text around.

/// Control characters, and those that change the direction or the lines of what follows.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, is_harmful: impl Fn(char) -> bool, escape: impl Fn(char) -> String) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) {
            safe.push_str(&escape(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// On one line.
pub(super) fn line(text: &str) -> String {
    escaped(text, is_harmful, |character| character.escape_default().collect())
}

/// With its line breaks.
pub(super) fn lines(text: &str) -> String {
    escaped(
        text,
        |character| character != '\n' && is_harmful(character),
        |character| character.escape_default().collect(),
    )
}

/// The same document. JSON escapes some control characters itself; the others stand in strings alone, and can be written as numbers.
pub(super) fn json(document: &str) -> String {
    escaped(
        document,
        |character| character != '\n' && is_harmful(character),
        |character| format!("\\u{:04x}", u32::from(character)),
    )
}

/// Without the numbers that the system has for its errors, which are of no use to people: `No such file or directory (os error 2)`.
pub(super) fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut words = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let after = part.trim_start_matches(|character: char| character.is_ascii_digit());
        words.push_str(after.strip_prefix(')').unwrap_or(after));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_system_are_left_out() {
        let text = "/a: No such file or directory (os error 2); name another: (os error";
        assert_eq!(without_numbers(text), "/a: No such file or directory; name another: (os error");
    }

    #[test]
    fn nothing_moves_the_cursor_or_turns_the_text_around() {
        let hostile = "a\u{1b}[2J\r\n\t\u{9b}31m\u{7f}\u{202e}ü€";
        assert_eq!(line(hostile), r"a\u{1b}[2J\r\n\t\u{9b}31m\u{7f}\u{202e}ü€");
        assert_eq!(lines("one\ntwo\u{8}"), "one\ntwo\\u{8}");
    }

    #[test]
    fn json_means_what_it_meant() {
        let hostile = serde_json::json!({ "detail": "a\u{1b}[2J\n\u{9b}31m\u{7f}\u{202e}ü€" });
        let document = json(&serde_json::to_string_pretty(&hostile).unwrap());
        assert!(!document.contains(|character| character != '\n' && is_harmful(character)), "{document}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&document).unwrap(), hostile);
    }
}

//! Takes secrets, message texts and phone numbers out of words that somebody else wrote.

use crate::message::Recipient;
use std::borrow::Cow;

/// What stands in place of what was taken out.
pub const REDACTED: &str = "***";

/// The longest that words of a provider or a service are shown, in characters.
const LONGEST: usize = 500;

/// What is shorter stands in every text by chance.
const SHORTEST: usize = 4;
/// Words of so many bytes may have been shortened by whoever said them: then any beginning of what is to be taken out is, at their end.
const CUT: usize = 200;

/// Takes a set of texts out of others.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a part never spoils the whole.
    needles: Vec<String>,
}

impl Redactor {
    /// Takes out these secrets, as they are and as JSON and URLs write them.
    pub fn secrets(secrets: &[String]) -> Self {
        Self::new(secrets.iter().flat_map(|secret| spellings(secret)).collect())
    }

    /// Takes out these message texts: the whole, each of their lines, and each run of four digits or more, which is what a code looks
    /// like; as they are and as JSON and URLs write them. For words of at most `longest` characters: what is longer can't stand in them, and no
    /// spelling of a text is shorter than the text.
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>, longest: usize) -> Self {
        let fits = |text: &str| text.trim().chars().take(longest.saturating_add(1)).count() <= longest;
        let mut needles = Vec::new();
        for text in texts {
            if fits(text) {
                needles.extend(spellings(text));
            }
            if text.contains('\n') {
                needles.extend(text.lines().filter(|line| fits(line)).flat_map(spellings));
            }
            needles.extend(digit_runs(text).filter(|run| fits(run)).map(str::to_owned));
        }
        Self::new(needles)
    }

    fn new(mut needles: Vec<String>) -> Self {
        needles.retain(|needle| needle.chars().count() >= SHORTEST);
        needles.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        needles.dedup();
        Self { needles }
    }

    /// The words without what is to be taken out.
    pub fn redact<'a>(&self, words: &'a str) -> Cow<'a, str> {
        let mut hidden = Vec::new();
        for needle in &self.needles {
            // Overlapping finds too: of `1212` in `121212` all three pairs are hidden.
            let mut from = 0;
            while let Some(at) = words.get(from..).and_then(|rest| rest.find(needle.as_str())) {
                let start = from + at;
                hidden.push((start, start + needle.len()));
                from =
                    start + words.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            }
        }
        hidden.extend(self.cut_off(words));
        replace(words, hidden, |_| REDACTED.into())
    }

    /// The end of the words, if something that is to be taken out begins there: whoever shortened them may have cut it in two.
    fn cut_off(&self, words: &str) -> Option<(usize, usize)> {
        let shortest = if words.len() < CUT { SHORTEST } else { 1 };
        let begins = |needle: &String| {
            let ends = needle.char_indices().map(|(end, _)| end).skip(shortest);
            let fitting = ends.take_while(|end| *end <= words.len());
            fitting.filter(|end| needle.get(..*end).is_some_and(|begin| words.ends_with(begin))).max()
        };
        let longest = self.needles.iter().filter_map(begins).max()?;
        Some((words.len() - longest, words.len()))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} needles)", self.needles.len())
    }
}

/// The recipient in `words`, with or without its `+`, as it may be logged.
pub fn mask_recipient<'a>(words: &'a str, recipient: &Recipient) -> Cow<'a, str> {
    let whole = recipient.expose();
    let bare = whole.trim_start_matches(['+', ' ']);
    if bare.chars().count() < SHORTEST || !words.contains(bare) {
        return Cow::Borrowed(words);
    }
    let masked = recipient.to_string();
    let masked = masked.trim_start_matches(['+', ' ']);
    let found = words.match_indices(bare).map(|(at, found)| (at, at + found.len())).collect();
    replace(words, found, |_| masked.into())
}

/// Words of somebody else as they may be shown: one line, no control characters, at most 500 characters.
pub fn clean(words: &str) -> String {
    let mut cleaned = String::with_capacity(words.len().min(LONGEST * 4));
    let mut words = words.trim().chars();
    for character in words.by_ref().take(LONGEST) {
        cleaned.push(if character.is_control() { ' ' } else { character });
    }
    if words.next().is_some() {
        cleaned.push('…');
    }
    cleaned
}

fn spellings(text: &str) -> Vec<String> {
    let text = text.trim();
    let mut spellings = vec![text.to_owned()];
    if let Ok(json) = serde_json::to_string(text) {
        let json = json.trim_matches('"');
        for json in [
            json.to_owned(),
            ascii(json, |unit| format!("\\u{unit:04x}")),
            ascii(json, |unit| format!("\\u{unit:04X}")),
        ] {
            for json in [json.replace('/', "\\/"), json] {
                // Once more: a JSON answer that is itself a field of a log line.
                if json != text
                    && let Ok(twice) = serde_json::to_string(&json)
                {
                    spellings.push(twice.trim_matches('"').to_owned());
                }
                spellings.push(json);
            }
        }
    }
    let percent = |space: &str| {
        text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    encoded.push(char::from(byte))
                }
                b' ' => encoded.push_str(space),
                other => encoded.push_str(&format!("%{other:02X}")),
            }
            encoded
        })
    };
    spellings.push(percent("%20"));
    spellings.push(percent("+"));
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    spellings.push(xml.replace('"', "&quot;"));
    spellings.push(xml);
    spellings
}

/// JSON as those write it who escape all that is not ASCII, in UTF-16.
fn ascii(json: &str, escape: impl Fn(u16) -> String) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            ' '..='~' => escaped.push(character),
            other => escaped.extend(other.encode_utf16(&mut [0; 2]).iter().map(|unit| escape(*unit))),
        }
    }
    escaped
}

fn digit_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_digit()).filter(|run| run.len() >= SHORTEST)
}

/// Replaces these ranges; those that overlap or touch count as one.
fn replace(words: &str, mut ranges: Vec<(usize, usize)>, by: impl Fn(&str) -> String) -> Cow<'_, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(words);
    }
    ranges.sort_unstable();
    let mut replaced = String::with_capacity(words.len());
    let mut done = 0;
    let mut ranges = ranges.into_iter().peekable();
    while let Some((start, mut end)) = ranges.next() {
        while let Some((_, next)) = ranges.next_if(|(next, _)| *next <= end) {
            end = end.max(next);
        }
        replaced.push_str(words.get(done..start).unwrap_or_default());
        replaced.push_str(&by(words.get(start..end).unwrap_or_default()));
        done = end;
    }
    replaced.push_str(words.get(done..).unwrap_or_default());
    Cow::Owned(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_out_whole_by_line_and_by_its_code() {
        let redactor = Redactor::texts(["Your code is 123456\nUse it soon"], usize::MAX);
        for says in [
            "refused: Your code is 123456\nUse it soon",
            "refused: Your code is 123456",
            "line 2: Use it soon",
            "code=123456&x=1",
            "9123456789",
            r#"{"text":"Your code is 123456\nUse it soon"}"#,
            "text=Your+code+is+123456%0AUse+it+soon",
            "text=Your%20code%20is%20123456",
        ] {
            let redacted = redactor.redact(says);
            assert!(redacted.contains(REDACTED), "{redacted}");
            assert!(!redacted.contains("123456") && !redacted.contains("Use"), "{redacted}");
        }
        assert_eq!(redactor.redact("status 500"), "status 500");
    }

    #[test]
    fn in_words_that_are_short_nothing_is_overlooked() {
        let text = " <Your> code/is \"ä\u{1f511}\" 123456\n1234 & more\nab cd ";
        let whole = Redactor::texts([text], usize::MAX);
        for spelling in
            spellings(text).iter().chain(text.lines().flat_map(spellings).collect::<Vec<_>>().iter())
        {
            for words in [spelling.as_str(), "code 123456", "1234", "x1234 y"] {
                let bounded = Redactor::texts([text], words.chars().count());
                assert_eq!(bounded.redact(words), whole.redact(words), "{words}");
            }
            assert!(whole.redact(spelling).contains(REDACTED), "{spelling}");
        }
    }

    #[test]
    fn finds_that_overlap_leave_nothing_behind() {
        let redactor = Redactor::secrets(&["abcabc".into(), "cabx".into()]);
        assert_eq!(redactor.redact("abcabcabcabx!"), "***!");
    }

    #[test]
    fn secrets_are_found_in_the_forms_that_carry_them() {
        let redactor = Redactor::secrets(&["p\"ss wörd&1".into()]);
        for says in ["p\"ss wörd&1", r#"p\"ss wörd&1"#, "p%22ss%20w%C3%B6rd%261", "p&quot;ss wörd&amp;1"] {
            assert_eq!(redactor.redact(says), REDACTED, "{says}");
        }
        let redactor = Redactor::secrets(&["ä/\u{1f511}/key".into()]);
        for says in [
            r"\u00e4\/\ud83d\udd11\/key",
            r"\u00E4\/\uD83D\uDD11\/key",
            r"\u00e4/\ud83d\udd11/key",
            r"\\u00e4\\/\\ud83d\\udd11\\/key",
            "ä\\/\u{1f511}\\/key",
        ] {
            assert_eq!(redactor.redact(says), REDACTED, "{says}");
        }
    }

    #[test]
    fn what_was_cut_in_two_is_found_by_its_beginning() {
        let redactor = Redactor::secrets(&["CUTSECRET-abcdefghijklmnop".into()]);
        assert_eq!(redactor.redact("key=CUTSECRET-abcd"), "key=***");
        assert_eq!(redactor.redact("a C"), "a C");
        let text = Redactor::texts(["Your code is 482913"], 500);
        for padding in 0..80 {
            for echo in ["text=Your%20code%20is%20482913", "say 482913", "key=CUTSECRET-abcdefghijklmnop"] {
                let words = format!("{}{echo}", "x".repeat(280 - padding));
                let cut = &words[..words.len().min(260)];
                let shown = text.redact(cut);
                let shown = redactor.redact(&shown);
                assert!(!["4829", "482", "CUTS", "code"].iter().any(|part| shown.contains(part)), "{shown}");
            }
        }
    }

    #[test]
    fn recipients_are_masked_with_and_without_their_plus() {
        let recipient = Recipient::new("+491701234567");
        assert_eq!(mask_recipient("to +491701234567 failed", &recipient), "to +49170*****67 failed");
        assert_eq!(mask_recipient("to=491701234567", &recipient), "to=49170*****67");
    }

    #[test]
    fn words_are_one_bounded_line() {
        assert_eq!(clean(" a\r\nb\u{1b}[31m "), "a  b [31m");
        assert_eq!(clean(&"x".repeat(1000)).chars().count(), 501);
    }
}

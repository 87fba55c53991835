//! Services repeat what they got: number, text, credentials. The host takes out what it knows; here it is taken out before what would be
//! cut off, and what the host does not know of.

/// How much of an answer is shown, in characters.
const SHOWN: usize = 300;

/// The beginning of a text by which an echo of it is known that the end of what was read cuts off, in characters.
const BEGINNING: usize = 32;

/// What is shorter stands in every answer by chance, in characters.
const SHORTEST: usize = 4;

/// The beginning of a service's words in one line, without `echoes`.
pub fn hide_echoes<'e>(words: &str, echoes: impl IntoIterator<Item = &'e str>) -> String {
    let mut hidden = Vec::new();
    for echo in echoes {
        hidden.extend(finds(words, &spellings(echo.trim())));
    }
    let words = replace(words, hidden);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(SHOWN).collect()
}

/// As it is, and as JSON and XML write it. The host looks for more; this is what is cut off before it can.
fn spellings(echo: &str) -> Vec<String> {
    // Any text can be written as JSON.
    let json = serde_json::to_string(echo).unwrap_or_default();
    let json = json.trim_matches('"');
    let mut spellings = vec![echo.to_owned()];
    for json in [
        json.to_owned(),
        ascii(json, |unit| format!("\\u{unit:04x}")),
        ascii(json, |unit| format!("\\u{unit:04X}")),
    ] {
        spellings.push(json.replace('/', "\\/"));
        spellings.push(json);
    }
    let xml =
        [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;"), ("\r", "&#13;")]
            .iter()
            .fold(echo.to_owned(), |text, (character, reference)| text.replace(character, reference));
    spellings.push(xml);
    spellings.retain(|spelling| spelling.chars().count() >= SHORTEST);
    spellings.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    spellings.dedup();
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

/// Where one echo stands in the words: from, to. All are looked for before any is taken out, so that a short one never spoils a longer
/// one.
fn finds(words: &str, spellings: &[String]) -> Vec<(usize, usize)> {
    let mut finds = Vec::new();
    for spelling in spellings {
        finds.extend(words.match_indices(spelling.as_str()).map(|(at, found)| (at, at + found.len())));
    }
    let cut_off = spellings.iter().flat_map(|spelling| {
        let beginning = spelling.char_indices().nth(BEGINNING).and_then(|(end, _)| spelling.get(..end));
        beginning.into_iter().flat_map(|beginning| words.match_indices(beginning)).map(|(at, _)| at)
    });
    let cut_off = cut_off.filter(|at| finds.iter().all(|(start, _)| start != at)).min();
    finds.extend(cut_off.map(|at| (at, words.len())));
    finds
}

/// Replaces these ranges; those that overlap or touch count as one.
fn replace(words: &str, mut ranges: Vec<(usize, usize)>) -> String {
    ranges.sort_unstable();
    let (mut replaced, mut done) = (String::with_capacity(words.len()), 0);
    for (start, end) in ranges {
        if start > done || replaced.is_empty() {
            replaced.push_str(words.get(done..start).unwrap_or_default());
            replaced.push_str("***");
        }
        done = done.max(end);
    }
    replaced + words.get(done..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoes_are_hidden_as_they_are_as_json_as_xml_and_cut_off() {
        let text = "Your \"code\" is 123456";
        assert_eq!(hide_echoes("no 'Your \"code\" is 123456'!", [text]), "no '***'!");
        assert_eq!(hide_echoes("{\"t\": \"Your \\\"code\\\" is 123456\"}", [text]), "{\"t\": \"***\"}");
        assert_eq!(hide_echoes("<s>Your &quot;code&quot; is 123456</s>", [text]), "<s>***</s>");
        let long = "a long one without any digit".repeat(100);
        assert_eq!(hide_echoes(&format!("no: {}", &long[..500]), [long.as_str()]), "no: ***");
        assert_eq!(hide_echoes("a\n b", ["a", ""]), "a b");
        assert_eq!(hide_echoes(&"ä".repeat(1000), []).chars().count(), SHOWN);
    }

    #[test]
    fn echoes_are_hidden_in_json_of_ascii_alone() {
        let text = "Grüße \u{1f600}: https://x/ö?a=1";
        for says in [
            r"no 'Gr\u00fc\u00dfe \ud83d\ude00: https:\/\/x\/\u00f6?a=1'!",
            r"no 'Gr\u00FC\u00DFe \uD83D\uDE00: https:\/\/x\/\u00F6?a=1'!",
            r"no 'Gr\u00fc\u00dfe \ud83d\ude00: https://x/\u00f6?a=1'!",
            "no 'Grüße \u{1f600}: https:\\/\\/x\\/ö?a=1'!",
        ] {
            assert_eq!(hide_echoes(says, [text]), "no '***'!", "{says}");
        }
    }

    #[test]
    fn a_short_echo_does_not_spoil_a_longer_one() {
        let text = "Call 491701234567 for the parcel of Jane Doe";
        for echoes in [[text, "491701234567"], ["491701234567", text]] {
            let whole = format!("to 491701234567: '{text}' is refused");
            assert_eq!(hide_echoes(&whole, echoes), "to ***: '***' is refused");
            let cut_off = format!("'{}", &text[..40]);
            assert_eq!(hide_echoes(&cut_off, echoes), "'***");
        }
        assert_eq!(hide_echoes("abcdefgh, efghijkl", ["abcdef", "cdefgh", "efgh", "ijkl"]), "***, ***");
    }

    #[test]
    fn what_stands_behind_a_whole_echo_is_shown() {
        let text = "Your parcel waits for you until Friday at https://parcels.example/ö & more";
        assert_eq!(hide_echoes(&format!("'{text}' is too long"), [text]), "'***' is too long");
    }
}

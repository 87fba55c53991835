//! Services repeat what they got: number, text, credentials. The host takes out what it knows; here it is taken out before what would be
//! cut off, and what the host does not know of.

use std::borrow::Cow;

/// How much of an answer is shown, in characters.
const SHOWN: usize = 300;

/// The beginning of a text by which an echo of it is known that the end of what was read cuts off, in characters.
const BEGINNING: usize = 32;

/// What is shorter stands in every answer by chance, in characters.
const SHORTEST: usize = 4;

/// The beginning of a service's words in one line, without `echoes`.
pub fn hide_echoes<'e>(words: &str, echoes: impl IntoIterator<Item = &'e str>) -> String {
    let mut words = Cow::Borrowed(words);
    for echo in echoes {
        for spelling in spellings(echo.trim()) {
            words = hide(words, &spelling);
        }
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(SHOWN).collect()
}

/// As it is, and as JSON and XML write it. The host looks for more; this is what is cut off before it can.
fn spellings(echo: &str) -> impl Iterator<Item = String> {
    // Any text can be written as JSON.
    let json = serde_json::to_string(echo).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let xml =
        [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;"), ("\r", "&#13;")]
            .iter()
            .fold(echo.to_owned(), |text, (character, reference)| text.replace(character, reference));
    let written = [json, xml].into_iter().filter(|spelling| spelling != echo).collect::<Vec<_>>();
    std::iter::once(echo.to_owned()).chain(written).filter(|spelling| spelling.chars().count() >= SHORTEST)
}

fn hide<'a>(words: Cow<'a, str>, echo: &str) -> Cow<'a, str> {
    let words = if words.contains(echo) { Cow::Owned(words.replace(echo, "***")) } else { words };
    let beginning: String = echo.chars().take(BEGINNING).collect();
    match words.find(&beginning) {
        Some(at) => Cow::Owned(words.split_at(at).0.to_owned() + "***"),
        None => words,
    }
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
}

//! Templates with the tags `{phone}` and `{otp}`.

use std::borrow::Cow;

/// A text with tags, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Phone,
    Otp,
}

const TAGS: [(&str, Piece); 2] = [("{phone}", Piece::Phone), ("{otp}", Piece::Otp)];

impl Template {
    /// Reads a template. There is no wrong one: an unknown `{…}` stays as it is.
    pub fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        loop {
            let next = TAGS.iter().filter_map(|(tag, piece)| Some((rest.find(tag)?, *tag, piece)));
            let Some((at, tag, piece)) = next.min_by_key(|(at, ..)| *at) else { break };
            let (words, after) = rest.split_at(at);
            if !words.is_empty() {
                pieces.push(Piece::Words(words.into()));
            }
            pieces.push(piece.clone());
            rest = after.strip_prefix(tag).unwrap_or_default();
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest.into()));
        }
        Self { pieces }
    }

    /// Puts phone number and message text in, in one pass: a text that contains `{phone}` is not expanded again.
    pub fn expand(&self, phone: &str, otp: &str) -> String {
        self.expand_with(phone, otp, Cow::Borrowed)
    }

    /// The same, with `encode` applied to what is put in, and to nothing else.
    pub fn expand_with<'a>(
        &'a self,
        phone: &'a str,
        otp: &'a str,
        encode: impl Fn(&'a str) -> Cow<'a, str>,
    ) -> String {
        let (phone, otp) = (encode(phone), encode(otp));
        let parts = || {
            self.pieces.iter().map(|piece| match piece {
                Piece::Words(words) => words.as_str(),
                Piece::Phone => &phone,
                Piece::Otp => &otp,
            })
        };
        let mut expanded = String::with_capacity(parts().map(str::len).sum());
        expanded.extend(parts());
        expanded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_replaced_and_other_braces_stay() {
        let template = Template::parse("{phone}: {otp}! {other} {phone {{otp}} {}");
        assert_eq!(template.expand("+49", "123"), "+49: 123! {other} {phone {123} {}");
        assert_eq!(Template::parse("").expand("1", "2"), "");
    }

    #[test]
    fn a_text_with_tags_is_not_expanded_again() {
        let template = Template::parse("{otp} to {phone}");
        assert_eq!(template.expand("{otp}", "{phone}{otp}"), "{phone}{otp} to {otp}");
    }

    #[test]
    fn only_what_is_put_in_is_encoded() {
        let template = Template::parse("a b={phone}&{otp}");
        let encoded = template.expand_with("1 2", "3 4", |value| value.replace(' ', "%20").into());
        assert_eq!(encoded, "a b=1%202&3%204");
    }
}

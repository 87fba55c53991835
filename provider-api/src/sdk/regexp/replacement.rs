//! What a match is replaced by: Python's template, in which `\1` and `\g<name>` are groups and `$1` is nothing special.

/// A piece of the replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Words(String),
    Group(usize),
}

/// Reads a replacement. `groups` are the names of the pattern's groups, the whole match first.
pub(super) fn parse(text: &str, groups: &[Option<String>]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut words = String::new();
    let mut rest = text.chars().peekable();
    let mut group = |number: usize, words: &mut String| {
        if number >= groups.len() {
            return Err(format!(
                "the replacement refers to group {number}, the pattern has {}",
                groups.len() - 1
            ));
        }
        if !words.is_empty() {
            pieces.push(Piece::Words(std::mem::take(words)));
        }
        pieces.push(Piece::Group(number));
        Ok(())
    };
    while let Some(character) = rest.next() {
        if character != '\\' {
            words.push(character);
            continue;
        }
        match rest.next() {
            None => return Err("the replacement ends with a backslash".into()),
            Some('g') => {
                if rest.next_if_eq(&'<').is_none() {
                    return Err("in the replacement, `\\g` needs a group: `\\g<1>`".into());
                }
                let mut name = String::new();
                loop {
                    match rest.next() {
                        Some('>') => break,
                        Some(character) => name.push(character),
                        None => return Err("in the replacement, `\\g<` has no `>`".into()),
                    }
                }
                group(named(&name, groups)?, &mut words)?;
            }
            Some('0') => {
                let digits = octal(&mut rest, 2);
                words.push(
                    char::from_u32(digits.iter().fold(0, |value, digit| value * 8 + digit)).unwrap_or('\0'),
                );
            }
            Some(first @ '1'..='9') => {
                let second = rest.next_if(char::is_ascii_digit);
                let octal_so_far = first < '8' && second.is_some_and(|second| second < '8');
                let third =
                    if octal_so_far { rest.next_if(|digit| ('0'..'8').contains(digit)) } else { None };
                let digit = |digit: char| digit.to_digit(10).unwrap_or_default();
                match (second, third) {
                    (Some(second), Some(third)) => {
                        let code = digit(first) * 64 + digit(second) * 8 + digit(third);
                        let character = char::from_u32(code).filter(|_| code <= 0o377);
                        words.push(character.ok_or("in the replacement, an octal escape is above \\377")?);
                    }
                    (Some(second), None) => group((digit(first) * 10 + digit(second)) as usize, &mut words)?,
                    (None, _) => group(digit(first) as usize, &mut words)?,
                }
            }
            Some('/') => words.push('/'),
            Some('\\') => words.push('\\'),
            Some('a') => words.push('\u{7}'),
            Some('b') => words.push('\u{8}'),
            Some('f') => words.push('\u{c}'),
            Some('n') => words.push('\n'),
            Some('r') => words.push('\r'),
            Some('t') => words.push('\t'),
            Some('v') => words.push('\u{b}'),
            Some(letter) if letter.is_ascii_alphabetic() => {
                return Err(format!("in the replacement, `\\{letter}` means nothing"));
            }
            Some(other) => words.extend(['\\', other]),
        }
    }
    if !words.is_empty() {
        pieces.push(Piece::Words(words));
    }
    Ok(pieces)
}

fn named(name: &str, groups: &[Option<String>]) -> Result<usize, String> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return name.parse().map_err(|_| format!("the replacement refers to group {name}"));
    }
    let found = groups.iter().position(|group| group.as_deref() == Some(name));
    found.ok_or_else(|| format!("the replacement refers to a group {name:?}, which the pattern has not"))
}

fn octal(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, most: usize) -> Vec<u32> {
    let mut digits = Vec::new();
    while digits.len() < most
        && let Some(digit) = rest.next_if(|digit| ('0'..'8').contains(digit))
    {
        digits.extend(digit.to_digit(8));
    }
    digits
}

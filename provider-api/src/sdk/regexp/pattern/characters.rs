//! Escapes and classes: what stands for one character.

use super::Translator;

/// A word character, as Python's `str.isalnum` has it.
const WORD: &str = r"\p{L}\p{N}_";
/// White space, as Python's `str.isspace` has it: four separators more than Unicode's.
const SPACE: &str = r"\s\x1c-\x1f";

impl Translator<'_> {
    pub(super) fn escape(&mut self) -> Result<(), String> {
        let character = self.rest.next().ok_or("the pattern ends with a backslash")?;
        match character {
            'A' => self.anchor(r"\A"),
            'Z' => self.anchor(r"\z"),
            'b' => self.anchor(&format!("(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))")),
            // Not found in the empty text, as before Python 3.14.
            'B' => self.anchor(&format!(r"(?:(?<=[{WORD}])(?=[{WORD}])|(?<![{WORD}])(?![{WORD}])(?!\A\z))")),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                self.item((1, 1));
                self.written.push_str(&category(character));
            }
            '1'..='9' => {
                let second = self.rest.peek().copied().filter(char::is_ascii_digit);
                if let Some(character) = self.octal_behind(character) {
                    let character = character?;
                    self.literal(character);
                    return Ok(());
                }
                let mut number = character.to_digit(10).unwrap_or_default() as usize;
                if let Some(digit) = second {
                    self.rest.next();
                    number = number * 10 + digit.to_digit(10).unwrap_or_default() as usize;
                }
                return self.back_reference(number);
            }
            other => {
                let character = self.character_escape(other)?;
                self.literal(character);
            }
        }
        Ok(())
    }

    /// `\ooo`: three octal digits, the first of which was read, are a character and no group.
    fn octal_behind(&mut self, first: char) -> Option<Result<char, String>> {
        let mut ahead = self.rest.clone();
        let digits =
            [Some(first), ahead.next(), ahead.next()].map(|digit| digit.and_then(|digit| digit.to_digit(8)));
        let [Some(first), Some(second), Some(third)] = digits else { return None };
        self.rest = ahead;
        let code = first * 64 + second * 8 + third;
        let character = char::from_u32(code).filter(|_| code <= 0o377);
        Some(character.ok_or_else(|| "an octal escape is above \\377".to_owned()))
    }

    /// Escapes that stand for one character, in a class and outside.
    fn character_escape(&mut self, character: char) -> Result<char, String> {
        Ok(match character {
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0' => {
                let mut code = 0;
                for _ in 0..2 {
                    let Some(digit) = self.rest.next_if(|next| next.is_digit(8)) else { break };
                    code = code * 8 + digit.to_digit(8).unwrap_or_default();
                }
                char::from_u32(code).unwrap_or_default()
            }
            'x' => self.hexadecimal('x', 2)?,
            'u' => self.hexadecimal('u', 4)?,
            'U' => self.hexadecimal('U', 8)?,
            'N' => return Err("named characters `\\N{…}` are not supported; write `\\uXXXX`".into()),
            letter if letter.is_ascii_alphabetic() => return Err(format!("`\\{letter}` means nothing")),
            other => other,
        })
    }

    fn hexadecimal(&mut self, letter: char, digits: usize) -> Result<char, String> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.rest.next_if(char::is_ascii_hexdigit).and_then(|digit| digit.to_digit(16));
            let digit = digit.ok_or_else(|| format!("`\\{letter}` needs {digits} hexadecimal digits"))?;
            code = code * 16 + digit;
        }
        char::from_u32(code).ok_or_else(|| format!("`\\{letter}` names no character"))
    }

    pub(super) fn class(&mut self) -> Result<(), String> {
        self.item((1, 1));
        self.written.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.written.push('^');
        }
        let mut first = true;
        loop {
            let character = self.rest.next().ok_or("the pattern has an unclosed `[`")?;
            if character == ']' && !first {
                break;
            }
            first = false;
            let Some(start) = self.class_member(character)? else { continue };
            let mut ahead = self.rest.clone();
            // A hyphen before the end is one.
            if ahead.next() != Some('-') || ahead.peek().is_none_or(|next| *next == ']') {
                push_literal(&mut self.written, start);
                continue;
            }
            self.rest.next();
            let character = self.rest.next().ok_or("the pattern has an unclosed `[`")?;
            let written = self.written.len();
            let Some(end) = self.class_member(character)? else {
                self.written.truncate(written);
                return Err("a range in a class ends with a category".into());
            };
            if end < start {
                return Err(format!("the range {start}-{end} in a class is the wrong way round"));
            }
            push_literal(&mut self.written, start);
            self.written.push('-');
            push_literal(&mut self.written, end);
        }
        self.written.push(']');
        Ok(())
    }

    /// A character of a class; a category is written at once, and `None` returned.
    fn class_member(&mut self, character: char) -> Result<Option<char>, String> {
        if character != '\\' {
            return Ok(Some(character));
        }
        let escaped = self.rest.next().ok_or("the pattern ends with a backslash")?;
        match escaped {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                let mut ahead = self.rest.clone();
                if ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']') {
                    return Err("a range in a class begins with a category".into());
                }
                self.written.push_str(&category(escaped));
                Ok(None)
            }
            'b' => Ok(Some('\u{8}')),
            '1'..='7' => match self.octal_behind(escaped) {
                Some(character) => character.map(Some),
                None => {
                    // One or two octal digits are a character as well: in a class there are no groups.
                    let mut code = escaped.to_digit(8).unwrap_or_default();
                    if let Some(digit) = self.rest.next_if(|next| next.is_digit(8)) {
                        code = code * 8 + digit.to_digit(8).unwrap_or_default();
                    }
                    Ok(char::from_u32(code))
                }
            },
            '8' | '9' => Err(format!("in a class, `\\{escaped}` means nothing")),
            other => self.character_escape(other).map(Some),
        }
    }
}

/// A category as a class of its own.
fn category(letter: char) -> String {
    match letter {
        'd' => r"\d".into(),
        'D' => r"\D".into(),
        's' => format!("[{SPACE}]"),
        'S' => format!("[^{SPACE}]"),
        'w' => format!("[{WORD}]"),
        _ => format!("[^{WORD}]"),
    }
}

/// A character as itself. Written by its number unless it is a letter or a digit: in the engine's classes `&&`, `--`, `~~` and `[` have
/// meanings of their own.
pub(super) fn push_literal(written: &mut String, character: char) {
    if character.is_alphanumeric() {
        written.push(character);
    } else {
        written.push_str(&format!("\\x{{{:x}}}", u32::from(character)));
    }
}

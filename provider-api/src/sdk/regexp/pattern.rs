//! From Python's pattern syntax to that of the engine, token by token. What means something else there is written
//! anew; what the engine or this translation lacks is refused by name; what Python refuses is refused.

mod characters;

use characters::push_literal;
use std::{iter::Peekable, str::Chars};

/// A pattern for the engine.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) pattern: String,
    /// Names of the groups; the whole match is the first.
    pub(super) groups: Vec<Option<String>>,
}

/// Longest width that is counted: what is longer counts as unbounded.
const UNBOUNDED: u64 = u32::MAX as u64;

pub(super) fn translate(pattern: &str) -> Result<Translated, String> {
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        written: String::new(),
        groups: vec![None],
        widths: vec![None],
        stack: Vec::new(),
        frame: Frame::new(Kind::Whole, Flags::default(), 1),
    };
    translator.whole()?;
    Ok(Translated { pattern: translator.written, groups: translator.groups })
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    multi_line: bool,
    dot_all: bool,
    ignore_case: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Capture(usize),
    Plain,
    LookAhead,
    LookBehind,
}

/// What stands right before, for a quantifier to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    /// `^`, `$`, `\b`: Python repeats none of these.
    Anchor,
    Item,
    /// The engine repeats none, Python does.
    LookAround,
    Repeated,
}

/// An open group.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    flags: Flags,
    last: Last,
    /// Number of groups that were opened before this one, and before its last item.
    opened: usize,
    item_opened: usize,
    /// Width of the last item, of the alternative so far, and of the alternatives before it: least and most.
    item: (u64, u64),
    sequence: (u64, u64),
    before: Option<(u64, u64)>,
}

impl Frame {
    fn new(kind: Kind, flags: Flags, opened: usize) -> Self {
        Self {
            kind,
            flags,
            last: Last::Nothing,
            opened,
            item_opened: opened,
            item: (0, 0),
            sequence: (0, 0),
            before: None,
        }
    }

    fn commit(&mut self) {
        let (least, most) = self.item;
        self.sequence = ((self.sequence.0 + least).min(UNBOUNDED), (self.sequence.1 + most).min(UNBOUNDED));
        self.item = (0, 0);
    }

    fn alternative(&mut self) {
        self.commit();
        let width = self.sequence;
        self.before =
            Some(self.before.map_or(width, |before| (before.0.min(width.0), before.1.max(width.1))));
        self.sequence = (0, 0);
        self.last = Last::Nothing;
    }

    fn width(mut self) -> (u64, u64) {
        self.alternative();
        self.before.unwrap_or_default()
    }
}

struct Translator<'p> {
    rest: Peekable<Chars<'p>>,
    written: String,
    groups: Vec<Option<String>>,
    /// Width of each group that is closed.
    widths: Vec<Option<(u64, u64)>>,
    stack: Vec<Frame>,
    frame: Frame,
}

impl Translator<'_> {
    fn whole(&mut self) -> Result<(), String> {
        self.global_flags()?;
        if self.frame.flags.ignore_case {
            self.written.push_str("(?i:");
        }
        let ignore_case = self.frame.flags.ignore_case;
        while let Some(character) = self.rest.next() {
            self.token(character)?;
        }
        if !self.stack.is_empty() {
            return Err("the pattern has an unclosed `(`".into());
        }
        if ignore_case {
            self.written.push(')');
        }
        Ok(())
    }

    /// Flags for the whole pattern stand at its beginning.
    fn global_flags(&mut self) -> Result<(), String> {
        loop {
            let mut ahead = self.rest.clone();
            if (ahead.next(), ahead.next()) != (Some('('), Some('?')) {
                return Ok(());
            }
            let mut flags = self.frame.flags;
            let mut any = false;
            while let Some(letter) = ahead.next_if(char::is_ascii_alphabetic) {
                if letter == 'P' {
                    return Ok(());
                }
                set_flag(&mut flags, letter, true)?;
                any = true;
            }
            if !any || ahead.next() != Some(')') {
                return Ok(());
            }
            self.frame.flags = flags;
            self.rest = ahead;
        }
    }

    fn item(&mut self, width: (u64, u64)) {
        self.frame.commit();
        self.frame.item = width;
        self.frame.item_opened = self.groups.len();
        self.frame.last = Last::Item;
    }

    fn anchor(&mut self, written: &str) {
        self.frame.commit();
        self.frame.last = Last::Anchor;
        self.written.push_str(written);
    }

    fn literal(&mut self, character: char) {
        self.item((1, 1));
        push_literal(&mut self.written, character);
    }

    fn token(&mut self, character: char) -> Result<(), String> {
        match character {
            '\\' => self.escape(),
            '.' => {
                self.item((1, 1));
                self.written.push_str(if self.frame.flags.dot_all { "(?s:.)" } else { r"[^\n]" });
                Ok(())
            }
            '^' => {
                self.anchor(if self.frame.flags.multi_line { "(?m:^)" } else { r"\A" });
                Ok(())
            }
            '$' => {
                // Without a flag, also before a line break at the very end.
                self.anchor(if self.frame.flags.multi_line { "(?m:$)" } else { r"(?=\n?\z)" });
                Ok(())
            }
            '|' => {
                self.frame.alternative();
                self.written.push('|');
                Ok(())
            }
            '[' => self.class(),
            '(' => self.open(),
            ')' => self.close(),
            '*' => self.repeat("*", (0, UNBOUNDED)),
            '+' => self.repeat("+", (1, UNBOUNDED)),
            '?' => self.repeat("?", (0, 1)),
            '{' => match self.counted()? {
                Some((least, most)) => {
                    let upper = if most == UNBOUNDED { String::new() } else { most.to_string() };
                    self.repeat(&format!("{{{least},{upper}}}"), (least, most))
                }
                None => {
                    self.literal('{');
                    Ok(())
                }
            },
            other => {
                self.literal(other);
                Ok(())
            }
        }
    }

    /// The bounds behind a `{`; without valid ones it is a brace like any other.
    fn counted(&mut self) -> Result<Option<(u64, u64)>, String> {
        let mut ahead = self.rest.clone();
        if ahead.peek() == Some(&'}') {
            return Ok(None);
        }
        let number = |ahead: &mut Peekable<Chars<'_>>| {
            let mut digits = String::new();
            while let Some(digit) = ahead.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits
        };
        let least = number(&mut ahead);
        let most = if ahead.next_if_eq(&',').is_some() { number(&mut ahead) } else { least.clone() };
        if ahead.next() != Some('}')
            || (least.is_empty() && most.is_empty() && self.rest.peek() != Some(&','))
        {
            return Ok(None);
        }
        let bound = |digits: &str, otherwise: u64| match digits {
            "" => Ok(otherwise),
            digits => digits
                .parse::<u64>()
                .ok()
                .filter(|bound| *bound < UNBOUNDED)
                .ok_or("a repeat count is too large"),
        };
        let (least, most) = (bound(&least, 0)?, bound(&most, UNBOUNDED)?);
        if least > most {
            return Err("a repeat count has its bounds the wrong way round".into());
        }
        self.rest = ahead;
        Ok(Some((least, most)))
    }

    fn repeat(&mut self, written: &str, (least, most): (u64, u64)) -> Result<(), String> {
        match self.frame.last {
            Last::Nothing | Last::Anchor => {
                return Err(format!("there is nothing for `{written}` to repeat"));
            }
            Last::Repeated => return Err(format!("`{written}` repeats what is repeated already")),
            Last::Item => {
                // After a round of nothing, the engine and Python part.
                if most > 1 && self.frame.item.0 == 0 {
                    return Err(format!(
                        "`{written}` repeats what may match nothing, which is not supported"
                    ));
                }
                if self.rest.peek() == Some(&'+') {
                    self.no_groups_in(written)?;
                }
                self.written.push_str(written);
                if let Some(suffix) = self.rest.next_if(|next| matches!(next, '?' | '+')) {
                    self.written.push(suffix);
                }
            }
            Last::LookAround => {
                self.no_groups_in(written)?;
                self.rest.next_if(|next| matches!(next, '?' | '+'));
                // Once is as good as often; none at all is an alternative in the group that stands around it.
                if least == 0 {
                    self.written.pop();
                    self.written.push_str("|)");
                }
            }
        }
        let width = |one: u64, times: u64| {
            if one == 0 || times == 0 { 0 } else { one.saturating_mul(times).min(UNBOUNDED) }
        };
        self.frame.item = (width(self.frame.item.0, least), width(self.frame.item.1, most));
        self.frame.last = Last::Repeated;
        Ok(())
    }

    /// What such groups hold in the end, the engine and Python do not agree on.
    fn no_groups_in(&self, repeat: &str) -> Result<(), String> {
        if self.frame.item_opened < self.groups.len() {
            return Err(format!(
                "`{repeat}` repeats groups possessively or in a look-around, which is not supported"
            ));
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        let mut flags = self.frame.flags;
        if self.rest.next_if_eq(&'?').is_none() {
            let kind = self.capture(None);
            return self.push(kind, "(", flags);
        }
        match self.rest.next() {
            Some(':') => self.push(Kind::Plain, "(?:", flags),
            Some('>') => self.push(Kind::Plain, "(?>", flags),
            Some('=') => self.push(Kind::LookAhead, "(?:(?=", flags),
            Some('!') => self.push(Kind::LookAhead, "(?:(?!", flags),
            Some('<') => match self.rest.next() {
                Some('=') => self.push(Kind::LookBehind, "(?:(?<=", flags),
                Some('!') => self.push(Kind::LookBehind, "(?:(?<!", flags),
                _ => Err("`(?<` begins a look-behind with `=` or `!`; a named group is `(?P<name>…)`".into()),
            },
            Some('P') => match self.rest.next() {
                Some('<') => {
                    let name = self.until('>')?;
                    if !is_identifier(&name) {
                        return Err(format!("{name:?} is no name of a group"));
                    }
                    if self.groups.iter().any(|group| group.as_ref() == Some(&name)) {
                        return Err(format!("there are two groups {name:?}"));
                    }
                    let kind = self.capture(Some(name));
                    self.push(kind, "(", flags)
                }
                Some('=') => {
                    let name = self.until(')')?;
                    let number = self.groups.iter().position(|group| group.as_ref() == Some(&name));
                    self.back_reference(number.ok_or_else(|| format!("there is no group {name:?}"))?)
                }
                _ => Err("`(?P` begins `(?P<name>…)` or `(?P=name)`".into()),
            },
            Some('#') => self.until(')').map(drop),
            Some('(') => Err("conditional groups `(?(…)…)` are not supported".into()),
            Some(letter) if letter.is_ascii_alphabetic() || letter == '-' => {
                let mut on = true;
                let mut next = Some(letter);
                loop {
                    match next {
                        Some('-') if on => on = false,
                        Some(':') => break,
                        Some(')') => return Err("flags for the whole pattern belong at its beginning".into()),
                        Some(letter) if letter.is_ascii_alphabetic() => set_flag(&mut flags, letter, on)?,
                        _ => return Err("flags of a group end with `:`, as in `(?i:…)`".into()),
                    }
                    next = self.rest.next();
                }
                self.push(Kind::Plain, if flags.ignore_case { "(?i:" } else { "(?-i:" }, flags)
            }
            _ => Err("`(?` begins nothing that is known".into()),
        }
    }

    fn capture(&mut self, name: Option<String>) -> Kind {
        self.groups.push(name);
        self.widths.push(None);
        Kind::Capture(self.groups.len() - 1)
    }

    fn push(&mut self, kind: Kind, written: &str, flags: Flags) -> Result<(), String> {
        self.frame.commit();
        let opened = self.groups.len() - usize::from(matches!(kind, Kind::Capture(_)));
        self.stack.push(std::mem::replace(&mut self.frame, Frame::new(kind, flags, opened)));
        self.written.push_str(written);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let outer = self.stack.pop().ok_or("the pattern has a `)` too many")?;
        let closed = std::mem::replace(&mut self.frame, outer);
        let width = closed.width();
        self.frame.item_opened = closed.opened;
        self.frame.item = match closed.kind {
            Kind::LookBehind if width.0 != width.1 => {
                return Err("a look-behind must have a fixed width".into());
            }
            Kind::LookAhead | Kind::LookBehind => (0, 0),
            Kind::Capture(number) => {
                if let Some(known) = self.widths.get_mut(number) {
                    *known = Some(width);
                }
                width
            }
            Kind::Plain | Kind::Whole => width,
        };
        let look_around = matches!(closed.kind, Kind::LookAhead | Kind::LookBehind);
        self.frame.last = if look_around { Last::LookAround } else { Last::Item };
        self.written.push_str(if look_around { "))" } else { ")" });
        Ok(())
    }

    fn back_reference(&mut self, number: usize) -> Result<(), String> {
        let width = self.widths.get(number).ok_or_else(|| format!("there is no group {number}"))?;
        let width = width.ok_or_else(|| format!("group {number} is referred to before its end"))?;
        self.item(width);
        // In a group, so that a digit behind it is none of its number.
        self.written.push_str(&format!("(?:\\{number})"));
        Ok(())
    }

    fn until(&mut self, end: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.rest.next() {
                Some(character) if character == end => return Ok(text),
                Some(character) => text.push(character),
                None => return Err(format!("a group has no `{end}`")),
            }
        }
    }
}

fn set_flag(flags: &mut Flags, letter: char, on: bool) -> Result<(), String> {
    match letter {
        'i' => flags.ignore_case = on,
        'm' => flags.multi_line = on,
        's' => flags.dot_all = on,
        // The default.
        'u' if on => {}
        'a' | 'L' | 'x' => return Err(format!("the flag {letter} is not supported")),
        _ => return Err(format!("there is no flag {letter}")),
    }
    Ok(())
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_')
}

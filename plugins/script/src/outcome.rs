//! How a script's end becomes an outcome.
//!
//! | end | outcome |
//! |---|---|
//! | exit 0 | accepted; the first line of stdout is the provider's id, unless it echoes the text |
//! | exit 75, `EX_TEMPFAIL` of sysexits.h | unavailable |
//! | any other exit code | rejected, with the end of stderr |
//! | killed by a signal or by the time limit, or its end got lost | uncertain |
//! | could not be started | misconfigured; for want of memory, processes or files: unavailable; too long an argument: rejected |
//!
//! The text is kept out of all that is recorded. An id echoes it if it contains a line of it, or stands in it itself, with white space
//! counted as one blank; less than four characters in common are chance.

use crate::client::{Ended, Exit};
use gatepost_provider_api::{Accepted, SubmitError};
use rustix::io::Errno;
use std::io;

const EX_TEMPFAIL: i32 = 75;

/// What a text and the script's words have in common by chance is shorter; the host looks for codes as well.
const TELLING: usize = 4;

/// Longest id, and how much of stderr is shown, in characters.
const LONGEST_ID: usize = 256;
const SHOWN: usize = 300;

pub(crate) fn of(ended: &Ended, text: &str) -> Result<Accepted, SubmitError> {
    let words = || end_of(&ended.stderr, text);
    match ended.exit {
        Exit::Code(0) => {
            let stdout = String::from_utf8_lossy(&ended.stdout);
            let id = stdout.lines().next().unwrap_or_default().trim();
            let accepted = Accepted::new().code(0);
            Ok(if id.is_empty() || echoes(id, text) {
                accepted
            } else {
                accepted.id(id.chars().take(LONGEST_ID).collect::<String>())
            })
        }
        Exit::Code(EX_TEMPFAIL) => {
            Err(SubmitError::unavailable(or(words(), "the script asks for a later try")).code(EX_TEMPFAIL))
        }
        Exit::Code(code) => {
            Err(SubmitError::rejected(or(words(), &format!("the script ended with exit code {code}")))
                .code(code))
        }
        Exit::Signal(signal) => {
            Err(SubmitError::uncertain(format!("the script was killed by signal {signal}"))
                .code(format!("signal {signal}")))
        }
        Exit::TimedOut(limit) => {
            let detail = format!("the script took longer than {} s and was killed", limit.as_secs_f64());
            Err(SubmitError::uncertain(detail).code("timeout"))
        }
    }
}

/// It was started, so it may have sent the message.
pub(crate) fn lost(error: &io::Error) -> SubmitError {
    SubmitError::uncertain(format!("the end of the script can't be learnt: {error}"))
}

pub(crate) fn not_started(error: &io::Error) -> SubmitError {
    let code = error.raw_os_error();
    let passing = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY];
    let detail = format!("the script can't be started: {error}");
    let error = if passing.iter().any(|passing| Some(passing.raw_os_error()) == code) {
        SubmitError::unavailable(detail)
    } else if code == Some(Errno::TOOBIG.raw_os_error()) {
        // The phone number is the one argument: another message may fit.
        SubmitError::rejected(detail)
    } else {
        SubmitError::misconfigured(detail)
    };
    match code {
        Some(code) => error.code(code),
        None => error,
    }
}

fn or(words: String, otherwise: &str) -> String {
    if words.is_empty() { otherwise.to_owned() } else { words }
}

fn is_telling(text: &str) -> bool {
    text.chars().nth(TELLING - 1).is_some()
}

fn echoes(id: &str, text: &str) -> bool {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (id, whole) = (one_line(id), one_line(text));
    let mut lines = text.lines().map(one_line);
    (is_telling(&id) && whole.contains(&id)) || lines.any(|line| is_telling(&line) && id.contains(&line))
}

/// The end of what the script complained of, without the message's text.
fn end_of(stderr: &[u8], text: &str) -> String {
    let words = String::from_utf8_lossy(stderr);
    let words = redact(words.trim(), text.trim());
    let skipped = words.chars().count().saturating_sub(SHOWN);
    words.chars().skip(skipped).collect()
}

fn redact(words: &str, text: &str) -> String {
    if !is_telling(text) {
        return words.to_owned();
    }
    // The beginning of the words was cut off: perhaps within the text, and within a character.
    let words = words.trim_start_matches(char::REPLACEMENT_CHARACTER);
    let mut ends = text.char_indices().filter_map(|(at, _)| text.get(at..)).take_while(|end| is_telling(end));
    match ends.find_map(|end| words.strip_prefix(end)) {
        Some(rest) => format!("***{}", rest.replace(text, "***")),
        None => words.replace(text, "***"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::Verdict;

    #[test]
    fn what_can_not_be_started_has_its_outcome() {
        for (errno, verdict) in [
            (Errno::TOOBIG, Verdict::Rejected),
            (Errno::AGAIN, Verdict::Unavailable),
            (Errno::NOENT, Verdict::Misconfigured),
        ] {
            let error = not_started(&io::Error::from_raw_os_error(errno.raw_os_error()));
            assert_eq!(error.verdict, verdict, "{error}");
        }
    }

    #[test]
    fn a_text_whose_beginning_was_cut_off_is_not_shown() {
        let text = "Ihr Code lautet 837465 für heute";
        for (kept, shown) in [
            ("code: Ihr Code lautet 837465 für heute!", "code: ***!"),
            ("Ihr Code lautet 837465 für heute", "***"),
            ("37465 für heute: barred", "***: barred"),
            ("eute: barred", "***: barred"),
            ("ute: barred", "ute: barred"),
            ("37465 für heute Ihr Code lautet 837465 für heute", "*** ***"),
        ] {
            assert_eq!(end_of(kept.as_bytes(), text), shown);
        }
        // In the middle of the `ü`.
        assert_eq!(end_of(b"\xbcr heute: barred", text), "***: barred");
        assert_eq!(end_of("öaöa barred".as_bytes(), &"öa".repeat(100_000)), "*** barred");
    }
}

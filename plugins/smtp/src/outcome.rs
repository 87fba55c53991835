//! How the end of an exchange becomes an outcome.
//!
//! | end | outcome |
//! |---|---|
//! | 250 after the mail | accepted; the id in it is the provider's |
//! | 4xx | unavailable |
//! | 5xx to RCPT, DATA or the mail | rejected |
//! | 5xx to AUTH, or that speaks of authentication (530, 534, 535, 538) | misconfigured |
//! | 5xx to MAIL: the sender is refused | misconfigured; 552, too large: rejected |
//! | 5xx to STARTTLS, or it is not offered; no mechanism of ours is | misconfigured |
//! | 5xx to the connection or to EHLO | unavailable |
//! | no connection, no TLS, no SMTP, or time is up | unavailable; from the first byte of the mail on: uncertain |
//! | the address has letters beyond ASCII, and the server does not take such | rejected |
//!
//! The first byte of the mail is sent after 354: a server that was cut off before has nothing that it could deliver.

use crate::{
    server::{Credentials, Mechanism, NAMED_BY},
    session::{Broken, Reply, Step, Why, responses},
};
use gatepost_provider_api::{Accepted, Problem, SubmitError, regexp::Finder};

/// How much of a reply is shown, and the longest id, in characters.
const SHOWN: usize = 300;
const LONGEST_ID: usize = 256;

/// What a reply has in common with the message by chance is shorter.
const TELLING: usize = 4;

/// How servers say which id they have given: the first that fits.
const IDS: [&str; 6] = [
    // Postfix and its like.
    r"(?i)\bqueued (?:as|with id)[ :]+<?([\w.@+-]+)",
    // Exim.
    r"(?i)\bid[=:] *<?([\w.@+-]+)",
    // Exchange.
    r"(?i)\bInternalId=(\d+)",
    // Haraka.
    r"(?i)\bqueued \(([\w.-]+)\)",
    // Sendmail, OpenSMTPD.
    r"(?i)^(?:\d\.\d+\.\d+:? )?([\w.-]*\d[\w.-]*) message accepted",
    // Amazon SES, Gmail, qmail.
    r"(?i)^(?:\d\.\d+\.\d+:? )?ok:? +([\w.-]*\d[\w.-]{4,})",
];

/// Finds the id in the reply to a mail.
#[derive(Debug)]
pub(crate) struct Ids(Vec<Finder>);

impl Ids {
    pub(crate) fn new() -> Result<Self, Vec<Problem>> {
        let finders = IDS.iter().map(|pattern| Finder::parse(pattern)).collect::<Result<_, _>>();
        finders.map(Self).map_err(|error| vec![error.into_problem(NAMED_BY)])
    }

    pub(crate) fn accepted(&self, reply: &Reply, echoes: &Echoes) -> Accepted {
        let text = reply.text();
        let id = self.0.iter().find_map(|finder| finder.first(&text)).unwrap_or_default();
        let accepted = Accepted::new().code(reply.code).detail(echoes.hidden_in(&text));
        // A reply that repeats the message has its text where an id may be looked for.
        if id.is_empty() || echoes.repeats(id) {
            return accepted;
        }
        accepted.id(id.chars().take(LONGEST_ID).collect::<String>())
    }
}

pub(crate) fn of_failure(broken: &Broken, echoes: &Echoes) -> SubmitError {
    let Broken { step, why } = broken;
    let unsent = if *step == Step::Content { SubmitError::uncertain } else { SubmitError::unavailable };
    let doing = doing(*step);
    match why {
        Why::Refused(reply) => refused(*step, reply, echoes),
        Why::NoTls => SubmitError::misconfigured("the server does not offer STARTTLS"),
        Why::NoMechanism { wanted, offered } if offered.is_empty() => SubmitError::misconfigured(format!(
            "the server offers no authentication, not to speak of {wanted}"
        )),
        Why::NoMechanism { wanted, offered } => SubmitError::misconfigured(format!(
            "the server offers {offered} for authentication, and not {wanted}"
        )),
        Why::NoUtf8 => SubmitError::rejected("the server takes no address with letters beyond ASCII"),
        Why::TimedOut(limit) => unsent(format!("{doing}: not done within {} s", limit.as_secs_f64())),
        Why::Lost(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && *step != Step::Connect => {
            unsent(format!("{doing}: the server ended the connection"))
        }
        Why::Lost(error) => unsent(format!("{doing}: {error}")),
        Why::Garbage(words) => unsent(format!("{doing}: {}", echoes.hidden_in(words))),
    }
}

fn refused(step: Step, reply: &Reply, echoes: &Echoes) -> SubmitError {
    let words = echoes.hidden_in(&reply.text());
    let words = if words.is_empty() { format!("{}: refused", doing(step)) } else { words };
    let error = match (reply.code, step) {
        (..500, _) => SubmitError::unavailable(words),
        (530 | 534 | 535 | 538, _) => SubmitError::misconfigured(words),
        (552, Step::Mail) => SubmitError::rejected(words),
        (_, Step::Mail) => SubmitError::misconfigured(format!("the sender is refused: {words}")),
        (_, Step::StartTls | Step::Auth) => SubmitError::misconfigured(words),
        (_, Step::Rcpt | Step::Data | Step::Content) => SubmitError::rejected(words),
        (_, Step::Connect | Step::Tls | Step::Greeting | Step::Hello) => SubmitError::unavailable(words),
    };
    error.code(reply.code)
}

fn doing(step: Step) -> &'static str {
    match step {
        Step::Connect => "connecting",
        Step::Tls => "TLS",
        Step::Greeting => "waiting for the server's greeting",
        Step::Hello => "EHLO",
        Step::StartTls => "STARTTLS",
        Step::Auth => "authentication",
        Step::Mail => "MAIL",
        Step::Rcpt => "RCPT",
        Step::Data => "DATA",
        Step::Content => "sending the mail",
    }
}

/// What a reply may repeat, and must not be shown. No `Debug`: it is number, text and passwords.
pub(crate) struct Echoes {
    otp: String,
    /// Longest first.
    hidden: Vec<String>,
}

impl Echoes {
    /// `mail` is as it was written: a filter may quote a line of it, however encoded.
    pub(crate) fn new(credentials: Option<&Credentials>, phone: String, otp: String, mail: &[u8]) -> Self {
        let mail = String::from_utf8_lossy(mail);
        let body = mail.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let lines = body.lines().chain(otp.lines()).map(str::to_owned).collect::<Vec<_>>();
        let whole = [otp.clone(), otp.split_whitespace().collect::<Vec<_>>().join(" "), phone];
        let mut echoes = Self::of_credentials(credentials);
        echoes.hide(lines.into_iter().chain(whole));
        Self { otp, ..echoes }
    }

    /// As they go over the wire: the host knows them, but not their Base64.
    pub(crate) fn of_credentials(credentials: Option<&Credentials>) -> Self {
        let mut echoes = Self { otp: String::new(), hidden: Vec::new() };
        if let Some(credentials) = credentials {
            let said = Mechanism::ALL.into_iter().flat_map(|mechanism| responses(mechanism, credentials));
            echoes.hide(said.chain([credentials.password.clone()]));
        }
        echoes
    }

    fn hide(&mut self, words: impl IntoIterator<Item = String>) {
        self.hidden
            .extend(words.into_iter().map(|words| words.trim().to_owned()).filter(|words| is_telling(words)));
        self.hidden.sort_by_key(|words| std::cmp::Reverse(words.len()));
        self.hidden.dedup();
    }

    fn repeats(&self, id: &str) -> bool {
        is_telling(id) && self.otp.contains(id)
    }

    /// The beginning of `words` in one line, without what is to be hidden.
    fn hidden_in(&self, words: &str) -> String {
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = self.hidden.iter().fold(words, |words, hidden| {
            if words.contains(hidden.as_str()) { words.replace(hidden, "***") } else { words }
        });
        words.chars().take(SHOWN).collect()
    }
}

fn is_telling(words: &str) -> bool {
    words.chars().nth(TELLING - 1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::Verdict;
    use std::{io, time::Duration};

    const STEPS: [Step; 10] = [
        Step::Connect,
        Step::Tls,
        Step::Greeting,
        Step::Hello,
        Step::StartTls,
        Step::Auth,
        Step::Mail,
        Step::Rcpt,
        Step::Data,
        Step::Content,
    ];

    fn echoes() -> Echoes {
        let credentials =
            Credentials { username: "user".into(), password: "hunter22".into(), mechanism: None };
        Echoes::new(
            Some(&credentials),
            "+491701234567".into(),
            "Your code\nis 123456".into(),
            b"A: b\r\n\r\nWW91ciBjb2RlDQppcyAxMjM0NTY=\r\n",
        )
    }

    fn reply(code: u16, text: &str) -> Reply {
        Reply { code, lines: text.lines().map(str::to_owned).collect() }
    }

    fn verdict(step: Step, why: Why) -> Verdict {
        of_failure(&Broken { step, why }, &echoes()).verdict
    }

    #[test]
    fn each_refusal_has_its_outcome() {
        use Verdict::{Misconfigured, Rejected, Unavailable};
        for step in STEPS {
            for code in [421, 450, 451, 452, 454] {
                assert_eq!(verdict(step, Why::Refused(reply(code, "later"))), Unavailable, "{step:?} {code}");
            }
            for code in [530, 534, 535, 538] {
                assert_eq!(
                    verdict(step, Why::Refused(reply(code, "who?"))),
                    Misconfigured,
                    "{step:?} {code}"
                );
            }
            let expected = match step {
                Step::Connect | Step::Tls | Step::Greeting | Step::Hello => Unavailable,
                Step::StartTls | Step::Auth | Step::Mail => Misconfigured,
                Step::Rcpt | Step::Data | Step::Content => Rejected,
            };
            for code in [500, 501, 550, 554] {
                assert_eq!(verdict(step, Why::Refused(reply(code, "no"))), expected, "{step:?} {code}");
            }
        }
        assert_eq!(verdict(Step::Mail, Why::Refused(reply(552, "too large"))), Rejected);
    }

    #[test]
    fn what_is_lost_is_uncertain_from_the_mail_on() {
        for step in STEPS {
            let expected = if step == Step::Content { Verdict::Uncertain } else { Verdict::Unavailable };
            for why in [
                Why::Lost(io::ErrorKind::ConnectionReset.into()),
                Why::Lost(io::ErrorKind::UnexpectedEof.into()),
                Why::TimedOut(Duration::from_secs(1)),
                Why::Garbage("what?".into()),
            ] {
                assert_eq!(verdict(step, why), expected, "{step:?}");
            }
        }
    }

    #[test]
    fn the_server_s_code_and_words_are_kept() {
        let error = of_failure(
            &Broken { step: Step::Rcpt, why: Why::Refused(reply(550, "5.1.1 no\nsuch user")) },
            &echoes(),
        );
        assert_eq!((error.code.as_deref(), error.detail.as_str()), (Some("550"), "5.1.1 no such user"));
        let silent = of_failure(&Broken { step: Step::Data, why: Why::Refused(reply(554, "")) }, &echoes());
        assert_eq!(silent.detail, "DATA: refused");
    }

    #[test]
    fn ids_are_found_as_servers_write_them() {
        let ids = Ids::new().unwrap();
        for (text, id) in [
            ("2.0.0 Ok: queued as 4Xy2Fz0ABCzQ", Some("4Xy2Fz0ABCzQ")),
            ("OK id=1rYz5T-0004Xa-2k", Some("1rYz5T-0004Xa-2k")),
            ("2.6.0 <a@b.example> [InternalId=4711, Hostname=x] Queued mail for delivery", Some("4711")),
            ("2.0.0 3AOBsSdF012345 Message accepted for delivery", Some("3AOBsSdF012345")),
            ("2.0.0: 1a2b3c4d Message accepted for delivery", Some("1a2b3c4d")),
            ("2.0.0 OK  1732479812 d2e1a72fcca58-724de.12 - gsmtp", Some("1732479812")),
            ("Ok 0102018f-7c2d-000000", Some("0102018f-7c2d-000000")),
            ("Message Queued (5D0A7C6B-1.1)", Some("5D0A7C6B-1.1")),
            ("Ok: queued with id <7f.9@x>", Some("7f.9@x")),
            ("OK", None),
            ("Message accepted for delivery", None),
            ("2.0.0 Ok: queued as 123456", None),
        ] {
            let accepted = ids.accepted(&reply(250, text), &echoes());
            assert_eq!(accepted.ids.first().map(String::as_str), id, "{text}");
            assert_eq!(accepted.code.as_deref(), Some("250"));
        }
    }

    #[test]
    fn number_text_and_credentials_are_not_repeated() {
        for words in [
            "spam: Your code",
            "spam: Your code is 123456",
            "spam: WW91ciBjb2RlDQppcyAxMjM0NTY=",
            "no +491701234567 here",
            "what is AHVzZXIAaHVudGVyMjI=?",
            "what is aHVudGVyMjI=?",
            "what is dXNlcj11c2VyAWF1dGg9QmVhcmVyIGh1bnRlcjIyAQE=?",
            "hunter22 is wrong",
        ] {
            let hidden = echoes().hidden_in(words);
            assert!(hidden.contains("***"), "{hidden}");
            for secret in ["Your code", "1234", "hunter22", "WW91", "HVudGVy"] {
                assert!(!hidden.contains(secret), "{hidden}");
            }
        }
        assert_eq!(echoes().hidden_in(&"x".repeat(1000)).len(), SHOWN);
    }
}

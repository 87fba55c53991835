//! One connection: commands and replies (RFC 5321), TLS (RFC 3207), authentication (RFC 4954).
//!
//! A session of our own, since each of these decides on an outcome: which command was the last one sent; that no reply is longer than
//! 64 KiB, nor one that is no UTF-8 lost; and that what a server says before TLS is not taken for something that it said in TLS.

use crate::{
    request::Mail,
    server::{Credentials, Mechanism, Security, Server},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gatepost_provider_api::tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout},
};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio_rustls::TlsConnector;

/// The longest reply, in bytes.
const LONGEST: usize = 64 << 10;

/// How far an exchange has come: what was done last, or is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Connect,
    Tls,
    Greeting,
    Hello,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// From the first byte of the mail on: the server may take it.
    Content,
}

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// Without the code.
    pub(crate) lines: Vec<String>,
}

/// Why an exchange ended.
#[derive(Debug)]
pub(crate) enum Why {
    Refused(Reply),
    /// No connection, or none any more.
    Lost(io::Error),
    /// No SMTP.
    Garbage(String),
    /// The server lacks what the definition asks for.
    NoTls,
    NoMechanism {
        wanted: String,
        offered: String,
    },
    NoUtf8,
    TimedOut(Duration),
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// An exchange that ended before the server had taken the mail.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) step: Step,
    pub(crate) why: Why,
}

/// What a server offers in its answer to EHLO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Offers {
    tls: bool,
    utf8: bool,
    /// In capitals.
    mechanisms: Vec<String>,
}

pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// A connection that is ready for mails.
pub(crate) struct Session {
    stream: BufReader<Box<dyn Wire>>,
    offers: Offers,
    /// A mail was begun and not ended.
    begun: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("offers", &self.offers).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects and authenticates, as the definition has it.
    pub(crate) async fn open(server: &Server, step: &mut Step) -> Result<Self, Why> {
        *step = Step::Connect;
        let tcp = dial(&server.host, server.port, Instant::now() + server.timeout).await?;
        // A mail's end must not wait for the acknowledgement of its beginning.
        tcp.set_nodelay(true)?;
        let name = own_name(tcp.local_addr()?.ip());
        let mut session = Self::over(Box::new(tcp));
        if server.security == Security::Implicit {
            session = session.secured(server, step).await?;
        }
        *step = Step::Greeting;
        session.expect(&[220]).await?;
        session.hello(&name, step).await?;
        if server.security == Security::Upgraded {
            *step = Step::StartTls;
            if !session.offers.tls {
                return Err(Why::NoTls);
            }
            session.ask("STARTTLS", &[220]).await?;
            session = session.secured(server, step).await?;
            // What was offered before is forgotten: anybody may have written it.
            session.hello(&name, step).await?;
        }
        if let Some(credentials) = &server.credentials {
            *step = Step::Auth;
            session.authenticate(credentials).await?;
        }
        Ok(session)
    }

    pub(crate) fn over(wire: Box<dyn Wire>) -> Self {
        Self { stream: BufReader::new(wire), offers: Offers::default(), begun: false }
    }

    async fn secured(self, server: &Server, step: &mut Step) -> Result<Self, Why> {
        let Some((name, config)) = &server.tls else { return Err(Why::NoTls) };
        if !self.stream.buffer().is_empty() {
            return Err(Why::Garbage("the server said more before TLS than its answer to STARTTLS".into()));
        }
        *step = Step::Tls;
        let wire = self.stream.into_inner();
        let tls = TlsConnector::from(config.clone()).connect(name.clone(), wire).await?;
        Ok(Self::over(Box::new(tls)))
    }

    async fn hello(&mut self, name: &str, step: &mut Step) -> Result<(), Why> {
        *step = Step::Hello;
        let greeted = match self.ask(&format!("EHLO {name}"), &[250]).await {
            // A server from before 1995.
            Err(Why::Refused(Reply { code: 500..=504, .. })) => {
                self.ask(&format!("HELO {name}"), &[250]).await
            }
            greeted => greeted,
        };
        self.offers = Offers::of(&greeted?);
        Ok(())
    }

    async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), Why> {
        let wanted = credentials.mechanism.map_or(Mechanism::ALL.to_vec(), |mechanism| vec![mechanism]);
        let offered =
            |mechanism: &&Mechanism| self.offers.mechanisms.iter().any(|name| name == mechanism.name());
        let Some(mechanism) = wanted.iter().find(offered) else {
            return Err(Why::NoMechanism {
                wanted: wanted.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(", "),
                offered: self.offers.mechanisms.join(", "),
            });
        };
        let responses = responses(*mechanism, credentials);
        let Some((first, rest)) = responses.split_first() else { return Ok(()) };
        let mut reply = match mechanism {
            // Its first answer goes with the name of the user; not every server takes it with the command.
            Mechanism::Login => {
                self.ask("AUTH LOGIN", &[334]).await?;
                self.ask(first, &[334]).await?
            }
            _ => self.ask(&format!("AUTH {} {first}", mechanism.name()), &[235, 334]).await?,
        };
        for response in rest {
            reply = self.ask(response, &[235, 334]).await?;
        }
        if reply.code == 334 {
            // XOAUTH2 explains its refusal with a challenge, and refuses once that is answered.
            reply = self.ask(if *mechanism == Mechanism::Xoauth2 { "" } else { "*" }, &[235]).await?;
        }
        if reply.code == 235 { Ok(()) } else { Err(Why::Refused(reply)) }
    }

    /// Names the sender: the first that a connection is asked which was kept.
    pub(crate) async fn begin(&mut self, mail: &Mail, step: &mut Step) -> Result<(), Why> {
        *step = Step::Mail;
        if self.begun {
            self.ask("RSET", &[250]).await?;
        }
        if mail.utf8 && !self.offers.utf8 {
            return Err(Why::NoUtf8);
        }
        self.begun = true;
        let utf8 = if mail.utf8 { " SMTPUTF8" } else { "" };
        self.ask(&format!("MAIL FROM:<{}>{utf8}", mail.from), &[250]).await?;
        Ok(())
    }

    /// Names the recipient and sends the mail.
    pub(crate) async fn complete(&mut self, mail: &Mail, step: &mut Step) -> Result<Reply, Why> {
        *step = Step::Rcpt;
        self.ask(&format!("RCPT TO:<{}>", mail.to), &[250, 251]).await?;
        *step = Step::Data;
        self.ask("DATA", &[354]).await?;
        *step = Step::Content;
        let sent = self.write(&mail.content).await;
        // A server that has had enough says why before it hangs up.
        let reply = self.expect(&[250]).await;
        match (sent, reply) {
            (_, Err(Why::Refused(reply))) => Err(Why::Refused(reply)),
            (Err(error), _) => Err(Why::Lost(error)),
            (Ok(()), reply) => {
                let reply = reply?;
                self.begun = false;
                Ok(reply)
            }
        }
    }

    /// Takes leave.
    pub(crate) async fn quit(mut self) {
        // Whatever it answers.
        drop(self.ask("QUIT", &[221]).await);
    }

    async fn ask(&mut self, command: &str, expected: &[u16]) -> Result<Reply, Why> {
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.expect(expected).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn expect(&mut self, expected: &[u16]) -> Result<Reply, Why> {
        let reply = self.reply().await?;
        match reply.code {
            code if expected.contains(&code) => Ok(reply),
            400..=599 => Err(Why::Refused(reply)),
            code => Err(Why::Garbage(format!("the reply {code} makes no sense here: {}", reply.text()))),
        }
    }

    async fn reply(&mut self) -> Result<Reply, Why> {
        let (mut reply, mut length) = (None, 0);
        loop {
            let mut line = Vec::new();
            let room = u64::try_from(LONGEST - length).unwrap_or_default();
            length += (&mut self.stream).take(room).read_until(b'\n', &mut line).await?;
            if line.last() != Some(&b'\n') {
                return Err(if length == LONGEST {
                    Why::Garbage("a reply of more than 64 KiB".into())
                } else {
                    Why::Lost(io::ErrorKind::UnexpectedEof.into())
                });
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            let garbage = || Why::Garbage(format!("the server does not speak SMTP: {line}"));
            let (code, last, words) = reply_line(line).ok_or_else(garbage)?;
            let reply: &mut Reply = reply.get_or_insert(Reply { code, lines: Vec::new() });
            if reply.code != code {
                return Err(garbage());
            }
            reply.lines.push(words.to_owned());
            if last {
                return Ok(reply.clone());
            }
        }
    }
}

/// `250-words` and `250 words` (RFC 5321 section 4.2.1): the code, whether it is the last line, and the words.
fn reply_line(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = Some(code).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    let last = match rest.bytes().next() {
        None | Some(b' ') => true,
        Some(b'-') => false,
        _ => return None,
    };
    (200..600).contains(&code).then(|| (code, last, rest.get(1..).unwrap_or_default()))
}

impl Reply {
    /// In one line.
    pub(crate) fn text(&self) -> String {
        self.lines.join(" ").trim().to_owned()
    }
}

impl Offers {
    fn of(reply: &Reply) -> Self {
        let mut offers = Self::default();
        // The first line is the server's name.
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.tls = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("AUTH") => offers.mechanisms.extend(words.map(str::to_owned)),
                // As old servers write it.
                Some(word) => {
                    let old = word.strip_prefix("AUTH=").into_iter().chain(words);
                    if word.starts_with("AUTH=") {
                        offers.mechanisms.extend(old.map(str::to_owned));
                    }
                }
                None => {}
            }
        }
        offers
    }
}

/// What the mechanism says, in Base64: first with its command, then to each challenge.
pub(crate) fn responses(mechanism: Mechanism, credentials: &Credentials) -> Vec<String> {
    let (username, password) = (&credentials.username, &credentials.password);
    let said = match mechanism {
        Mechanism::Plain => vec![format!("\0{username}\0{password}")],
        Mechanism::Login => vec![username.clone(), password.clone()],
        Mechanism::Xoauth2 => vec![format!("user={username}\x01auth=Bearer {password}\x01\x01")],
    };
    said.into_iter().map(|words| BASE64_STANDARD.encode(words)).collect()
}

/// The first of the host's addresses that takes a connection; each gets its share of the time.
async fn dial(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (number, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

/// How EHLO introduces us: the machine's name if it is a full one, else its address (RFC 5321 section 4.1.4).
fn own_name(address: IpAddr) -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_full = name.contains('.')
        && name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    match address {
        _ if is_full => name,
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: &[&str]) -> Reply {
        Reply { code: 250, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn replies_have_a_code_and_words() {
        for (line, found) in [
            ("250 2.0.0 Ok", Some((250, true, "2.0.0 Ok"))),
            ("250-STARTTLS", Some((250, false, "STARTTLS"))),
            ("354", Some((354, true, ""))),
            ("550-", Some((550, false, ""))),
            ("250 grün", Some((250, true, "grün"))),
            ("", None),
            ("25", None),
            ("25ü Ok", None),
            ("+12 Ok", None),
            ("2500 Ok", None),
            ("199 Ok", None),
            ("600 Ok", None),
            ("HTTP/1.1 400 Bad Request", None),
        ] {
            assert_eq!(reply_line(line), found, "{line}");
        }
    }

    #[test]
    fn offers_are_read_in_either_case_and_spelling() {
        let found = Offers::of(&reply(&[
            "AUTH.example STARTTLS",
            "starttls",
            "Auth plain Login",
            "AUTH=XOAUTH2 LOGIN",
            "8BITMIME",
        ]));
        assert!(found.tls && !found.utf8);
        assert_eq!(found.mechanisms, ["PLAIN", "LOGIN", "XOAUTH2", "LOGIN"]);
        assert_eq!(Offers::of(&reply(&["STARTTLS"])), Offers::default());
    }

    #[test]
    fn mechanisms_say_user_and_password() {
        let credentials = Credentials { username: "us".into(), password: "pä".into(), mechanism: None };
        let said = |mechanism| responses(mechanism, &credentials);
        assert_eq!(said(Mechanism::Plain), ["AHVzAHDDpA=="]);
        assert_eq!(said(Mechanism::Login), ["dXM=", "cMOk"]);
        assert_eq!(said(Mechanism::Xoauth2), ["dXNlcj11cwFhdXRoPUJlYXJlciBww6QBAQ=="]);
    }
}

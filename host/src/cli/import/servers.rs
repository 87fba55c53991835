//! SMTP servers of the export: `smtpserver` to `[smtp_servers]`.

use super::{
    export::kind,
    gateway::given,
    names::Variables,
    report::{Kind, Note},
};
use crate::config::writing::{Document, Given, Keys};
use serde_json::Value;

/// The longest time limit that a server may have, in seconds.
const LONGEST: u64 = 600;

/// A server on its way.
#[derive(Debug)]
pub(super) struct Server {
    description: Option<String>,
    pub(super) keys: Keys,
    pub(super) notes: Vec<Note>,
}

/// Where a server is, as `server` says it: `smtps://host:port`, or less.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    tls: bool,
    host: String,
    port: Option<u64>,
}

impl Server {
    /// Takes the server `name` over.
    ///
    /// # Errors
    /// It can't be.
    pub(super) fn new(name: &str, server: &Value, variables: &mut Variables) -> Result<Self, String> {
        let Value::Object(members) = server else {
            return Err(format!("it is {}, not a definition", kind(server)));
        };
        let place = match members.get("server") {
            Some(Value::String(server)) => place(server)?,
            _ => return Err("it names no server".into()),
        };
        let description = members.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
        let mut taken =
            Self { description: description.map(str::to_owned), keys: Keys::new(), notes: Vec::new() };
        let port = match (place.port, members.get("port")) {
            (Some(port), _) => port,
            (None, None | Some(Value::Null)) => 25,
            (None, Some(port)) => number(port).ok_or("its port is no number")?,
        };
        let starttls = members.get("tls").is_some_and(flag);
        let tls = match (place.tls, starttls) {
            (true, _) => "tls",
            (false, true) => "starttls",
            (false, false) => "none",
        };
        if tls != "none" {
            let text = "there the server's certificate was never verified; here it is: one of a private CA needs ca_file, the path of that \
                        CA's certificate";
            taken.note(Kind::NotCopied, "tls", text);
        }
        taken.keys.push(("host".into(), Given::Text(place.host)));
        taken.keys.push(("port".into(), Given::Number(port.into())));
        taken.keys.push(("tls".into(), Given::Text(tls.into())));
        for key in ["username", "password", "sender"] {
            let given = members
                .get(key)
                .and_then(|value| given(value, &mut || variables.name(&format!("smtp-{name}"), key)));
            match given {
                Some(Given::Text(text)) if text.is_empty() => {}
                Some(given) => taken.keys.push((key.into(), given)),
                None => {}
            }
        }
        taken.timeout(members.get("timeout"))?;
        taken.without_counterpart(members);
        Ok(taken)
    }

    fn timeout(&mut self, timeout: Option<&Value>) -> Result<(), String> {
        let seconds = match timeout {
            None => return Ok(()),
            Some(Value::Null) => {
                self.note(
                    Kind::Differs,
                    "timeout",
                    "there was none, and a server could hang for ever; here it is 10 s",
                );
                return Ok(());
            }
            Some(timeout) => number(timeout).ok_or("its timeout is no whole number of seconds")?,
        };
        let within = seconds.clamp(1, LONGEST);
        if within != seconds {
            self.note(
                Kind::Differs,
                "timeout",
                format!("is from 1 to {LONGEST} seconds here; written as {within}"),
            );
        }
        self.keys.push(("timeout".into(), Given::Text(format!("{within}s"))));
        Ok(())
    }

    /// What is lost, where there is something to lose.
    fn without_counterpart(&mut self, members: &serde_json::Map<String, Value>) {
        for (key, value) in members {
            let filled = match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Bool(flag) => *flag,
                _ => true,
            };
            let text = match key.as_str() {
                "server" | "port" | "tls" | "username" | "password" | "sender" | "timeout"
                | "description" => continue,
                "id" | "identifier" => continue,
                _ if !filled => continue,
                "enqueue_job" => {
                    "mails were handed to a job queue there; here every message is stored before it is sent anyway"
                }
                "smime" => "mails were signed with S/MIME there; here they are not",
                "dont_send_on_error" => {
                    "there a mail that could not be signed was not sent; here none is signed"
                }
                "private_key" | "private_key_password" | "certificate" => {
                    "is for S/MIME, which there is not here"
                }
                _ => "is left out",
            };
            self.note(Kind::NoCounterpart, key, text);
        }
    }

    fn note(&mut self, kind: Kind, key: &str, text: impl Into<String>) {
        self.notes.push(Note::new(kind, key, text));
    }

    /// Appends its table.
    pub(super) fn write(&self, name: &str, file: &mut Document) {
        file.blank();
        if let Some(description) = &self.description {
            file.comment(description);
        }
        file.table(&["smtp_servers", name], &self.keys);
    }
}

/// As Python's `urlparse` reads it, after `//` was put before what has none.
fn place(server: &str) -> Result<Place, String> {
    let (scheme, rest) = match server.split_once("//") {
        None => ("", server),
        Some((scheme, rest)) => (scheme.trim_end_matches(':'), rest),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    if host.is_empty() {
        return Err("its server has no host".into());
    }
    let port = match port {
        "" => None,
        port => Some(port.parse().map_err(|_| "the port in its server is no number")?),
    };
    // Every other scheme is plain SMTP there.
    Ok(Place { tls: scheme.eq_ignore_ascii_case("smtps"), host: host.to_ascii_lowercase(), port })
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether it counts as true: to Python a text does, unless it is empty. One that says no was not meant to.
fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => {
            !matches!(text.to_ascii_lowercase().as_str(), "" | "no" | "false" | "0" | "off")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn taken(server: Value) -> Result<Server, String> {
        Server::new("relay", &server, &mut Variables::default())
    }

    fn text(given: &str) -> Given {
        Given::Text(given.into())
    }

    #[test]
    fn a_server_is_where_python_finds_it() {
        for (server, tls, host, port) in [
            ("mail.example", false, "mail.example", None),
            ("Mail.Example:587", false, "mail.example", Some(587)),
            ("smtps://mail.example", true, "mail.example", None),
            ("SMTPS://user@mail.example:465/x", true, "mail.example", Some(465)),
            ("smtp://mail.example:25", false, "mail.example", Some(25)),
            ("//mail.example", false, "mail.example", None),
            ("smtps://[::1]:465", true, "::1", Some(465)),
            ("[::1]", false, "::1", None),
        ] {
            assert_eq!(place(server).unwrap(), Place { tls, host: host.into(), port }, "{server}");
        }
        for server in ["", "smtps://", ":25", "mail:port"] {
            assert!(place(server).is_err(), "{server}");
        }
    }

    #[test]
    fn keys_are_those_of_the_configuration() {
        let server = json!({
            "server": "smtps://mail.example:465", "port": 25, "tls": true, "username": "me", "password": "__CENSORED__",
            "sender": "", "timeout": 10, "description": "The relay", "enqueue_job": false, "smime": false, "private_key": "",
        });
        let server = taken(server).unwrap();
        let expected = [
            ("host", text("mail.example")),
            ("port", Given::Number(465.into())),
            ("tls", text("tls")),
            ("username", text("me")),
            ("password", Given::Env("SMTP_RELAY_PASSWORD".into())),
            ("timeout", text("10s")),
        ];
        assert_eq!(server.keys, expected.map(|(key, given)| (key.to_owned(), given)));
        assert_eq!(server.notes.len(), 1, "its certificate is verified: {:?}", server.notes);
        let mut file = Document::default();
        server.write("re lay", &mut file);
        assert!(file.into_text().starts_with("\n# The relay\n[smtp_servers.\"re lay\"]\nhost = "));
    }

    #[test]
    fn tls_is_none_starttls_or_tls() {
        for (server, tls, expected) in [
            ("x", json!(false), "none"),
            ("x", json!(true), "starttls"),
            ("x", json!("False"), "none"),
            ("x", json!("yes"), "starttls"),
            ("smtps://x", json!(false), "tls"),
        ] {
            let server = taken(json!({ "server": server, "tls": tls })).unwrap();
            assert_eq!(server.keys[2], ("tls".into(), text(expected)));
            assert_eq!(server.keys[1], ("port".into(), Given::Number(25.into())));
        }
    }

    #[test]
    fn what_has_no_counterpart_is_said() {
        let server = json!({
            "server": "x", "enqueue_job": true, "smime": true, "dont_send_on_error": true, "private_key": "/a", "certificate": "/b",
            "private_key_password": "c", "news": 1, "timeout": 5000,
        });
        let server = taken(server).unwrap();
        let keys = server.notes.iter().map(|note| note.key.as_str()).collect::<Vec<_>>();
        let expected = [
            "timeout",
            "enqueue_job",
            "smime",
            "dont_send_on_error",
            "private_key",
            "certificate",
            "private_key_password",
            "news",
        ];
        assert_eq!(keys, expected);
        assert!(server.keys.contains(&("timeout".into(), text("600s"))));
    }

    #[test]
    fn what_is_no_server_says_why() {
        for (server, fragment) in [
            (json!("x"), "it is a text"),
            (json!({}), "names no server"),
            (json!({ "server": "x", "port": "smtp" }), "port is no number"),
            (json!({ "server": "x", "timeout": "soon" }), "timeout is no whole number"),
        ] {
            assert!(taken(server).unwrap_err().contains(fragment));
        }
    }
}

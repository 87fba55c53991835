//! The parameters, declared once, and what a definition makes of them. The server that it names is in `server.rs`.

use crate::request::address;
use gatepost_provider_api::{
    Declaration, Definition, Parameter, Problem, regexp::Regexp, template::Template,
};

pub(crate) fn declaration() -> Declaration {
    Declaration::new("Sends each message as a mail, through one of the servers under `[smtp_servers]`.")
        .documentation("https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html")
        .parameter(Parameter::text("MAILTO").required().description(
            "Address that the mails go to. `{phone}` and `{otp}` may stand in it, such as `{phone}@sms.example.com`.",
        ))
        .parameter(Parameter::text("SMTPIDENTIFIER").alias("SMTPIDENTIFIED").required().description(
            "Name of the server: `relay` for `[smtp_servers.relay]`, which has `host`, `port`, `tls` (`starttls`, `tls` or `none`), `username`, `password`, `auth`, `sender`, `timeout`, `ca_file` and `verify`.",
        ))
        .parameter(
            Parameter::text("SUBJECT")
                .default("{phone}")
                .description("Subject of the mails, with `{phone}` and `{otp}`; a line break in it becomes a blank."),
        )
        .parameter(
            Parameter::text("BODY")
                .default("{otp}")
                .description("Body of the mails, with `{phone}` and `{otp}`; it may have several lines."),
        )
        .parameter(
            Parameter::text("REGEXP")
                .description("`/PATTERN/REPLACEMENT/`, applied to the phone number; Python's `re` syntax."),
        )
        .harmless(&["SUBJECT", "BODY", "REGEXP"])
}

/// What a definition says of the mails.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) mailto: Template,
    pub(crate) subject: Template,
    pub(crate) body: Template,
    pub(crate) regexp: Option<Regexp>,
}

/// Stand in for number and text where a MAILTO is judged: what may be an address with one of them is one.
const SAMPLES: [&str; 2] = ["123456", "name@mail.example"];

impl Config {
    pub(crate) fn new(definition: &Definition) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let template = |name: &str| Template::parse(definition.text(name).unwrap_or_default());
        let regexp = definition.text("REGEXP").map(Regexp::parse).transpose();
        let regexp = regexp.map_err(|error| problems.push(error.into_problem("REGEXP"))).ok().flatten();
        let mailto = template("MAILTO");
        if !SAMPLES.iter().any(|sample| address(&mailto.expand(sample, sample)).is_some()) {
            let what = "can't become an address, whatever the number";
            let mend = "write one such as \"{phone}@sms.example.com\"";
            problems.push(Problem::parameter("MAILTO", what, mend));
        }
        if problems.is_empty() {
            Ok(Self { mailto, subject: template("SUBJECT"), body: template("BODY"), regexp })
        } else {
            Err(problems)
        }
    }
}

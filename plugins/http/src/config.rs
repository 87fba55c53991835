//! The parameters, declared once, and what a definition makes of them.

use crate::{
    json::JsonTemplate,
    outcome::Success,
    receipt::Receipts,
    target::{Credentials, Target},
};
use gatepost_provider_api::{
    Context, Declaration, Definition, Parameter, Problem, Section,
    declaration::scalar_text,
    http::{
        basic,
        reqwest::{
            Method,
            header::{self, HeaderName, HeaderValue},
        },
    },
    regexp::{Finder, Regexp},
    template::Template,
};
use std::fmt;

/// Of the connection, not of the request: with these a definition could break its framing.
const FRAMING: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
];

pub(crate) fn declaration() -> Declaration {
    let proxy = |name, urls| {
        Parameter::text(name).description(&format!(
            "Proxy for {urls} URLs, such as `http://user:password@proxy.example:3128`; schemes `http`, `https`, `socks5`, and `socks5h` where the proxy resolves names."
        ))
    };
    Declaration::new("Hands each message to a service with an HTTP request: options go into the query (GET), the form or the JSON body (POST, PUT).")
        .documentation("https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html")
        .parameter(Parameter::text("URL").required().description(
            "Address of the service, `http` or `https`. `{phone}` and `{otp}` may stand in path and query. `user:password@` before the host gives basic authentication where USERNAME and PASSWORD are absent.",
        ))
        .parameter(Parameter::choice("HTTP_METHOD", &["GET", "POST", "PUT"]).default("GET").description("Method of the request."))
        .parameter(Parameter::yes_no("CHECK_SSL").default("yes").description("Verify the service's certificate."))
        .parameter(Parameter::path("CA_FILE").read_at_create().description(
            "PEM file with the certificates of a private CA. With it the system's own are not trusted.",
        ))
        .parameter(Parameter::path("CLIENT_CERT").read_at_create().description("PEM file with a client certificate, and those between it and its CA."))
        .parameter(Parameter::path("CLIENT_KEY").read_at_create().description("PEM file with its key; not needed where CLIENT_CERT holds it as well."))
        .parameter(Parameter::yes_no("SEND_DATA_AS_JSON").default("no").description(
            "Send options and PARAMETER as a JSON object (POST, PUT). An option that is itself JSON is sent as that JSON; tags inside its strings stay strings.",
        ))
        .parameter(Parameter::text("RETURN_SUCCESS").description("The message is accepted only if the answer contains this text."))
        .parameter(Parameter::text("RETURN_FAIL").description(
            "The message is rejected if the answer contains this text. Not looked at with RETURN_SUCCESS.",
        ))
        .parameter(Parameter::text("USERNAME").description("User for basic authentication."))
        .parameter(Parameter::text("PASSWORD").secret().description("Password for basic authentication."))
        .parameter(Parameter::table("PARAMETER").description("Table of fixed additional parameters, sent after the options."))
        .parameter(Parameter::text("REGEXP").description("`/PATTERN/REPLACEMENT/`, applied to the phone number; Python's `re` syntax."))
        .parameter(proxy("HTTP_PROXY", "`http`"))
        .parameter(proxy("HTTPS_PROXY", "`https`"))
        .parameter(Parameter::text("PROXY").description(
            "Proxy for every URL without one of the two above; `env` takes those of the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).",
        ))
        .parameter(Parameter::seconds("TIMEOUT").default("3").description("Limit for the whole exchange, from connecting to the last byte of the answer."))
        .parameter(Parameter::text("ID_REGEXP").description(
            "Pattern (Python's `re` syntax, without slashes) whose first group in the answer is the provider's id of the message.",
        ))
        .parameter(Parameter::text("RECEIPT_ID").description(
            "Field of the service's delivery receipts that holds the provider's id; `a.b` is field `b` of the JSON object `a`.",
        ))
        .parameter(Parameter::text("RECEIPT_STATUS").description("Field of the receipts that says what became of the message."))
        .parameter(Parameter::text("RECEIPT_DELIVERED").description("Values of that field, separated by commas, that mean delivered."))
        .parameter(Parameter::text("RECEIPT_FAILED").description("Values of that field, separated by commas, that mean undelivered."))
        .parameter(Parameter::yes_no("REDIRECTS").default("no").description(
            "Follow redirects, at most ten, and none from `https` to `http`.",
        ))
        .allow_options()
        .allow_headers()
        .parse_receipts()
        // Not ID_REGEXP: what it finds is shown, and a service may repeat a password.
        .harmless(&[
            "HTTP_METHOD", "SEND_DATA_AS_JSON", "USERNAME", "PASSWORD", "PARAMETER", "REGEXP", "TIMEOUT", "RECEIPT_ID", "RECEIPT_STATUS", "RECEIPT_DELIVERED", "RECEIPT_FAILED",
        ])
        .harmless_fields()
}

/// Options and PARAMETER, in the definition's order, options first, and where they go.
#[derive(Debug)]
pub(crate) enum Fields {
    Query(Vec<(String, Template)>),
    Form(Vec<(String, Template)>),
    Json(Vec<(String, JsonTemplate)>),
}

/// What a definition says of requests and answers.
pub(crate) struct Config {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) fields: Fields,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) regexp: Option<Regexp>,
    pub(crate) success: Success,
    pub(crate) receipts: Option<Receipts>,
}

/// Shows no template: secrets stand in options and headers.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Config {
    pub(crate) fn new(definition: &Definition, context: &Context) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let target = Target::parse(definition.text("URL").unwrap_or_default());
        let target = target.map_err(|bad| problems.push(Problem::parameter("URL", bad.what, bad.mend))).ok();
        let (target, in_url) = target.unzip();
        let regexp = definition.text("REGEXP").map(Regexp::parse).transpose();
        let regexp = regexp.map_err(|error| problems.push(error.into_problem("REGEXP"))).ok().flatten();
        let id = definition.filled("ID_REGEXP").map(Finder::parse).transpose();
        let id = id.map_err(|error| problems.push(error.into_problem("ID_REGEXP"))).ok().flatten();
        let receipts = Receipts::new(definition).map_err(|found| problems.extend(found)).ok().flatten();
        let method = method(definition);
        let fields = fields(definition, &method, context, &mut problems);
        let authorization = authorization(definition, in_url.flatten(), context);
        let headers = headers(definition, authorization.is_some(), context, &mut problems);
        let success = Success {
            contains: definition.filled("RETURN_SUCCESS").map(Into::into),
            lacks: definition.filled("RETURN_FAIL").map(Into::into),
            id,
        };
        if success.contains.is_some() && success.lacks.is_some() {
            let what = "is not looked at, since RETURN_SUCCESS is there";
            context.warn(Problem::parameter("RETURN_FAIL", what, "remove one of the two"));
        }
        match (target, problems.is_empty()) {
            (Some(target), true) => {
                Ok(Self { method, target, fields, headers, authorization, regexp, success, receipts })
            }
            _ => Err(problems),
        }
    }
}

fn method(definition: &Definition) -> Method {
    match definition.text("HTTP_METHOD") {
        Some("POST") => Method::POST,
        Some("PUT") => Method::PUT,
        _ => Method::GET,
    }
}

fn fields(
    definition: &Definition,
    method: &Method,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> Fields {
    let (is_get, as_json) = (method == Method::GET, definition.yes("SEND_DATA_AS_JSON"));
    if is_get && as_json {
        let what = "has no effect with HTTP_METHOD = \"GET\": options go into the query";
        context.warn(Problem::parameter("SEND_DATA_AS_JSON", what, "write POST or PUT, or remove it"));
    }
    let fixed = definition.table("PARAMETER");
    let mut values = Vec::new();
    for (name, value) in definition.options.iter().chain(fixed.into_iter().flatten()) {
        match scalar_text(value) {
            Some(text) => values.push((name.clone(), text)),
            None => {
                let what = format!("{name} in it must be one value, not a table or a list");
                problems.push(Problem::parameter("PARAMETER", what, "write it as a string"));
            }
        }
    }
    for name in fixed.into_iter().flat_map(|fixed| fixed.keys()) {
        if definition.options.contains_key(name) {
            let what = format!("{name} is both an option and in PARAMETER");
            problems.push(Problem::new(Section::Options, name, what, "remove one of the two"));
        }
    }
    let templates = |values: Vec<(String, String)>| {
        values.into_iter().map(|(name, text)| (name, Template::parse(&text))).collect()
    };
    match (is_get, as_json) {
        (true, _) => Fields::Query(templates(values)),
        (false, false) => Fields::Form(templates(values)),
        (false, true) => {
            Fields::Json(values.into_iter().map(|(name, text)| (name, JsonTemplate::parse(&text))).collect())
        }
    }
}

fn authorization(
    definition: &Definition,
    in_url: Option<Credentials>,
    context: &Context,
) -> Option<HeaderValue> {
    let given = (definition.filled("USERNAME"), definition.filled("PASSWORD"));
    let credentials = match given {
        (Some(username), Some(password)) => {
            Some(Credentials { username: username.into(), password: password.into() })
        }
        (None, None) => in_url,
        (username, _) => {
            let (there, missing) =
                if username.is_some() { ("USERNAME", "PASSWORD") } else { ("PASSWORD", "USERNAME") };
            let what = format!("without {missing} no credentials are sent");
            context.warn(Problem::parameter(there, what, format!("add {missing}, or remove {there}")));
            None
        }
    }?;
    Some(basic(&credentials.username, &credentials.password))
}

fn headers(
    definition: &Definition,
    authorized: bool,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> Vec<(HeaderName, Template)> {
    let mut headers: Vec<(HeaderName, Template)> = Vec::new();
    for (key, value) in &definition.headers {
        let mut refuse =
            |what: String, mend: &str| problems.push(Problem::new(Section::Headers, key, what, mend));
        let Ok(name) = key.parse::<HeaderName>() else {
            refuse("is no name of a header".into(), "use letters, digits and `-`");
            continue;
        };
        let text = scalar_text(value).unwrap_or_default();
        if text.chars().any(char::is_control) {
            refuse("has a line break or control character".into(), "remove it");
            continue;
        }
        if FRAMING.contains(&name) || name == "keep-alive" || name == "proxy-connection" {
            refuse("is the connection's own and can't be set".into(), "remove it");
            continue;
        }
        if headers.iter().any(|(other, _)| *other == name) {
            refuse("is there twice: capitals make no other header".into(), "remove one of the two");
            continue;
        }
        let leave_out = |what: &str| {
            context.warn(Problem::new(Section::Headers, key, what, "remove it"));
        };
        if name == header::AUTHORIZATION && authorized {
            leave_out("is not sent, since there are a user and a password");
        } else if name == header::ACCEPT_ENCODING {
            leave_out("is not sent: the answer has to come uncompressed");
        } else {
            headers.push((name, Template::parse(&text)));
        }
    }
    headers
}

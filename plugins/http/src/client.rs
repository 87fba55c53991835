//! Connections: verified, through proxies, within the time limit.

use gatepost_provider_api::{
    Context, Definition, Problem,
    http::{
        Client, proxy,
        reqwest::{
            self, Certificate, Identity, Proxy, Url,
            redirect::{Attempt, Policy},
        },
    },
};
use std::{fs, time::Duration};

/// Redirects in a row.
const REDIRECTS: usize = 10;

/// The client that a definition asks for.
pub(crate) fn client(definition: &Definition, context: &Context) -> Result<Client, Vec<Problem>> {
    let mut problems = Vec::new();
    let timeout = definition.seconds("TIMEOUT").unwrap_or(Duration::from_secs(3));
    let mut builder = Client::builder(timeout).user_agent(concat!("Gatepost/", env!("CARGO_PKG_VERSION")));
    if definition.yes("REDIRECTS") {
        builder = builder.redirect(Policy::custom(follow));
    }
    builder = trust(builder, definition, context, &mut problems);
    builder = identify(builder, definition, &mut problems);
    builder = proxies(builder, definition, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Client::build(builder, timeout).map_err(|what| {
        let mend = "install the system's root certificates (Debian: ca-certificates), or name those of the service with CA_FILE";
        vec![Problem::parameter("URL", what, mend)]
    })
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    let downgrade = from_tls && attempt.url().scheme() != "https";
    if downgrade || attempt.previous().len() > REDIRECTS { attempt.stop() } else { attempt.follow() }
}

/// Whose certificates count.
fn trust(
    builder: reqwest::ClientBuilder,
    definition: &Definition,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> reqwest::ClientBuilder {
    let is_tls =
        definition.text("URL").is_some_and(|url| url.trim_start().to_lowercase().starts_with("https:"));
    if definition.text("CHECK_SSL") == Some("no") {
        if is_tls {
            let what = "the service's certificate is not verified: anybody on the way can read and answer";
            context.warn(Problem::parameter(
                "CHECK_SSL",
                what,
                "write yes, and name a private CA with CA_FILE",
            ));
        }
        return builder.tls_danger_accept_invalid_certs(true);
    }
    let Some(path) = definition.text("CA_FILE") else {
        return builder;
    };
    let certificates = pem(path).and_then(|pem| {
        let found = Certificate::from_pem_bundle(&pem).map_err(|_| "it is no PEM".to_owned())?;
        if found.is_empty() { Err("there is no certificate in it".into()) } else { Ok(found) }
    });
    match certificates {
        Ok(certificates) => builder.tls_certs_only(certificates),
        Err(reason) => {
            let what = format!("{path} can't be used: {reason}");
            problems.push(Problem::parameter("CA_FILE", what, "name a PEM file with the CA's certificate"));
            builder
        }
    }
}

/// The client's own certificate.
fn identify(
    builder: reqwest::ClientBuilder,
    definition: &Definition,
    problems: &mut Vec<Problem>,
) -> reqwest::ClientBuilder {
    let (certificate, key) = (definition.text("CLIENT_CERT"), definition.text("CLIENT_KEY"));
    let Some(path) = certificate else {
        if key.is_some() {
            let what = "there is no CLIENT_CERT that this is the key of";
            problems.push(Problem::parameter("CLIENT_KEY", what, "add CLIENT_CERT, or remove it"));
        }
        return builder;
    };
    let mut read = |name: &str, path: &str| {
        pem(path).map_err(|reason| {
            let what = format!("{path} can't be used: {reason}");
            problems.push(Problem::parameter(name, what, "name a readable PEM file"));
        })
    };
    let (certificate, key) =
        (read("CLIENT_CERT", path), key.map(|path| read("CLIENT_KEY", path)).transpose());
    let (Ok(mut pem), Ok(key)) = (certificate, key) else { return builder };
    pem.push(b'\n');
    pem.extend(key.unwrap_or_default());
    match Identity::from_pem(&pem) {
        Ok(identity) => builder.identity(identity),
        Err(_) => {
            let what = "CLIENT_CERT and CLIENT_KEY hold no certificate with its key";
            let mend = "name PEM files with the certificate and its unencrypted key";
            problems.push(Problem::parameter("CLIENT_CERT", what, mend));
            builder
        }
    }
}

fn pem(path: &str) -> Result<Vec<u8>, String> {
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".into());
    }
    fs::read(path).map_err(|error| error.to_string())
}

type MakeProxy = fn(Url) -> reqwest::Result<Proxy>;

fn proxies(
    mut builder: reqwest::ClientBuilder,
    definition: &Definition,
    problems: &mut Vec<Problem>,
) -> reqwest::ClientBuilder {
    // The first that fits a URL is taken.
    let kinds: [(&str, MakeProxy); 3] =
        [("HTTP_PROXY", Proxy::http), ("HTTPS_PROXY", Proxy::https), ("PROXY", Proxy::all)];
    let given = kinds.map(|(name, make)| (name, make, definition.filled(name)));
    if let [(_, _, None), (_, _, None), (_, _, Some("env"))] = given {
        return builder;
    }
    builder = builder.no_proxy();
    for (name, make, text) in given {
        let Some(text) = text else { continue };
        if text == "env" {
            let what = "\"env\" does not go together with HTTP_PROXY and HTTPS_PROXY";
            problems.push(Problem::parameter(name, what, "remove one of them"));
            continue;
        }
        match proxy(name, text, make) {
            Ok(proxy) => builder = builder.proxy(proxy),
            Err(problem) => problems.push(problem),
        }
    }
    builder
}

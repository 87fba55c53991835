//! The parameters, declared once, and what a definition makes of them.

use crate::account::Account;
use gatepost_provider_api::{
    Context, Declaration, Definition, Parameter, Problem,
    http::{endpoint, reqwest::Url},
};

/// What the parameter's name is to privacyIDEA.
pub(crate) const CONFIG_FILE: &str = "JSON config file";

const SERVICE: &str = "https://fcm.googleapis.com";

/// The collapse id of privacyIDEA's pushes: a later one takes the place of an earlier one on the device's screen.
const COLLAPSE_ID: &str = "privacyidea.pushtoken";

/// The longest collapse id that Apple's service takes, in bytes.
const LONGEST_COLLAPSE_ID: usize = 64;

pub(crate) fn declaration() -> Declaration {
    let enrolment = |name, what: &str| {
        Parameter::text(name)
            .description(&format!("{what} Kept for the enrolment of devices; sending does without it."))
    };
    Declaration::new(
        "Sends each message to a device as a push notification over Firebase Cloud Messaging. The recipient is the device's registration token; the message is `data`, a text, or both.",
    )
    .documentation("https://firebase.google.com/docs/cloud-messaging")
    .parameter(Parameter::path(CONFIG_FILE).read_at_create().required_or("No JSON config file provided. Nothing can be sent without it").description(
        "The private key file of a service account, as the Firebase console gives it out. Keep it readable for Gatepost's user alone.",
    ))
    .parameter(Parameter::text("projectid").description("The project's id. Without it, that of the config file; another than that is refused."))
    .parameter(enrolment("projectnumber", "The project's number."))
    .parameter(enrolment("apikey", "API key of the Android app."))
    .parameter(enrolment("apiios", "API key of the iOS app.").secret())
    .parameter(enrolment("appid", "App id of the Android app."))
    .parameter(enrolment("appidios", "App id of the iOS app."))
    .parameter(enrolment("registration URL", "Where the app goes for the second step of its registration."))
    .parameter(
        Parameter::integer("time to live", 1, 31_536_000)
            .description("Seconds that the second step may take. Kept for the enrolment of devices; sending does without it."),
    )
    .parameter(Parameter::text("httpsproxy").description(
        "Proxy for the token endpoint and the service, such as `http://user:password@proxy.example:3128`; schemes `http`, `https`, `socks5`, and `socks5h` where the proxy resolves names.",
    ))
    .parameter(Parameter::text("COLLAPSE_ID").default(COLLAPSE_ID).description(
        "On iOS a push takes the place of an earlier one with the same id.",
    ))
    .parameter(Parameter::text("ENDPOINT").default(SERVICE).description(
        "Another base address of the service. Access tokens are asked for at the `token_uri` of the config file.",
    ))
    .parameter(Parameter::seconds("TIMEOUT").default("30").description("Limit for a whole submit; half of it for the request for an access token."))
    .harmless(&[
        "projectnumber", "apikey", "apiios", "appid", "appidios", "time to live", "COLLAPSE_ID", "TIMEOUT",
    ])
}

/// What a definition says of requests.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) project: String,
    /// Where pushes go.
    pub(crate) address: Url,
    pub(crate) collapse_id: String,
}

impl Config {
    pub(crate) fn new(definition: &Definition, context: &Context) -> Result<(Self, Account), Vec<Problem>> {
        let mut problems = Vec::new();
        let account = Account::read(definition.text(CONFIG_FILE).unwrap_or_default())
            .map_err(|problem| problems.push(problem));
        let endpoint = endpoint(definition.filled("ENDPOINT").unwrap_or(SERVICE));
        let endpoint = endpoint.map_err(|what| {
            problems.push(Problem::parameter("ENDPOINT", what, format!("write one such as \"{SERVICE}\"")));
        });
        if endpoint.as_ref().is_ok_and(|endpoint| endpoint.scheme() == "http") {
            let what = "access tokens and messages go to it unencrypted";
            context.warn(Problem::parameter("ENDPOINT", what, "write https"));
        }
        let collapse_id = definition.filled("COLLAPSE_ID").unwrap_or(COLLAPSE_ID).to_owned();
        if collapse_id.len() > LONGEST_COLLAPSE_ID || collapse_id.chars().any(char::is_control) {
            let what =
                format!("is longer than {LONGEST_COLLAPSE_ID} bytes, or has a control character in it");
            problems.push(Problem::parameter("COLLAPSE_ID", what, "shorten it"));
        }
        let project = definition.filled("projectid");
        if let (Ok(account), Some(project)) = (&account, project)
            && project != account.project_id
        {
            let what =
                format!("is {project:?}, but the config file is of the project {:?}", account.project_id);
            let mend = "remove it, or name the config file of the other project";
            problems.push(Problem::parameter("projectid", what, mend));
        }
        match (account, endpoint, problems.is_empty()) {
            (Ok(account), Ok(endpoint), true) => {
                if account.token_uri.scheme() == "http" {
                    let what = "its token_uri begins with http: access tokens come unencrypted";
                    context.warn(Problem::parameter(
                        CONFIG_FILE,
                        what,
                        "download it anew from the Firebase console",
                    ));
                }
                let address = address(endpoint, &account.project_id);
                Ok((Self { project: account.project_id.clone(), address, collapse_id }, account))
            }
            _ => Err(problems),
        }
    }
}

fn address(mut endpoint: Url, project: &str) -> Url {
    // Never an error: these schemes have a path.
    if let Ok(mut path) = endpoint.path_segments_mut() {
        path.pop_if_empty().extend(["v1", "projects", project, "messages:send"]);
    }
    endpoint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_go_below_the_endpoint() {
        for (base, expected) in [
            (SERVICE, "https://fcm.googleapis.com/v1/projects/my-app/messages:send"),
            ("http://127.0.0.1:9/", "http://127.0.0.1:9/v1/projects/my-app/messages:send"),
            ("https://x/a/b", "https://x/a/b/v1/projects/my-app/messages:send"),
        ] {
            assert_eq!(address(endpoint(base).unwrap(), "my-app").as_str(), expected);
        }
        assert_eq!(
            address(endpoint("http://x").unwrap(), "../a?b").path(),
            "/v1/projects/..%2Fa%3Fb/messages:send"
        );
    }
}

//! Which values of a gateway definition must not be shown.

use super::Gateway;
use gatepost_provider_api::{Declaration, declaration::name_is_secret};
use serde_json::Value;

impl Gateway {
    /// All values of this definition that must not be shown: by the provider's word, by their name, because a reference led to them, or
    /// because they are passwords in a URL.
    pub fn secrets(&self, declaration: Option<&Declaration>) -> Vec<String> {
        let mut secrets = self.referenced.clone();
        let definition = &self.definition;
        let declared = |parameters: &[gatepost_provider_api::Parameter], name: &str| {
            parameters.iter().any(|parameter| {
                parameter.is_secret()
                    && (parameter.name == name || parameter.aliases.iter().any(|alias| alias == name))
            })
        };
        let parameters = declaration.map_or(&[][..], |declaration| &declaration.parameters);
        let settings = declaration.map_or(&[][..], |declaration| &declaration.settings);
        let none: &[gatepost_provider_api::Parameter] = &[];
        for (section, declarations) in [
            (&definition.parameters, parameters),
            (&definition.options, none),
            (&definition.headers, none),
            (&definition.settings, settings),
            (&definition.smtp_servers, none),
        ] {
            for (name, value) in section {
                collect(name, value, declared(declarations, name), &mut secrets);
            }
        }
        secrets.sort();
        secrets.dedup();
        secrets
    }
}

fn collect(name: &str, value: &Value, secret: bool, secrets: &mut Vec<String>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                collect(name, value, secret, secrets);
            }
        }
        Value::String(text) if secret || name_is_secret(name) => secrets.push(text.clone()),
        Value::String(text) => secrets.extend(password_in_url(text)),
        _ => {}
    }
}

/// `secret` of `https://user:secret@host/path`.
fn password_in_url(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password.to_owned()).filter(|password| !password.is_empty())
}

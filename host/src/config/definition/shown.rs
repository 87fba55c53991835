//! A definition without its secrets.

use super::{
    super::secrets::{Inside, inside, merged},
    CENSORED, Written, is_reference,
};
use gatepost_provider_api::{Declaration, declaration::name_is_secret};
use serde_json::{Map, Value};

impl Written {
    /// The definition as it may be shown: each secret is [`CENSORED`], what a reference leads to is not looked at.
    pub fn shown(&self, declaration: &Declaration) -> Map<String, Value> {
        let member = |(name, value): (&String, &Value)| {
            let value = match (name.as_str(), value) {
                ("parameters", Value::Object(parameters)) if !is_reference(value) => {
                    let parameter = |(name, value): (&String, &Value)| {
                        let declared =
                            declaration.parameters.iter().find(|parameter| parameter.is_called(name));
                        // Of one that is not declared nobody knows what it is.
                        let secret = declared.is_none_or(|parameter| parameter.is_secret());
                        (name.clone(), shown(value, secret || name_is_secret(name)))
                    };
                    parameters.iter().map(parameter).collect()
                }
                _ => shown(value, false),
            };
            (name.clone(), value)
        };
        self.0.iter().map(member).collect()
    }
}

fn shown(value: &Value, secret: bool) -> Value {
    match value {
        _ if is_reference(value) => value.clone(),
        Value::Object(table) => {
            let member = |(name, value): (&String, &Value)| {
                (name.clone(), shown(value, secret || name_is_secret(name)))
            };
            table.iter().map(member).collect()
        }
        Value::Array(items) => items.iter().map(|item| shown(item, secret)).collect(),
        // What is not filled in is no secret.
        Value::String(text) if text.is_empty() => value.clone(),
        Value::Null => Value::Null,
        _ if secret => CENSORED.into(),
        Value::String(text) => match inside(text) {
            Inside::Nothing => value.clone(),
            Inside::All => CENSORED.into(),
            Inside::Parts(parts) => {
                let mut shown = text.clone();
                for part in merged(parts).into_iter().rev() {
                    shown.replace_range(part, CENSORED);
                }
                shown.into()
            }
        },
        Value::Number(_) | Value::Bool(_) => value.clone(),
    }
}

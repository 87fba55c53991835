//! A gateway of the export, taken apart: what is a parameter, what a free option, and what its values mean here.

use super::{
    export::kind,
    http, mail,
    modules::Module,
    names::Variables,
    proxies,
    report::{Kind, Note},
};
use crate::config::{
    CENSORED,
    writing::{Document, Given, Keys},
};
use gatepost_provider_api::Declaration;
use serde_json::{Map, Value};

const KNOWN: [&str; 6] = ["providermodule", "description", "options", "headers", "id", "name"];

/// A definition on its way.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) module: &'static Module,
    description: Option<String>,
    pub(super) parameters: Keys,
    pub(super) options: Keys,
    pub(super) headers: Keys,
    pub(super) notes: Vec<Note>,
}

/// The module that a gateway of the export names.
///
/// # Errors
/// There is nothing in its place here.
pub(super) fn module(gateway: &Value) -> Result<&'static Module, String> {
    let Value::Object(gateway) = gateway else {
        return Err(format!("it is {}, not a definition", kind(gateway)));
    };
    match gateway.get("providermodule") {
        Some(Value::String(path)) => Module::of_path(path).ok_or_else(|| {
            format!("its module {path} is none of privacyIDEA's own, and there is nothing in its place here; write a provider for it")
        }),
        Some(other) => Err(format!("its providermodule is {}, not a text", kind(other))),
        None => Err("it names no providermodule".into()),
    }
}

impl Draft {
    /// Takes `gateway` apart, which is to be called `name` here.
    ///
    /// # Errors
    /// It can't be taken over.
    pub(super) fn new(
        module: &'static Module,
        declaration: &Declaration,
        gateway: &Value,
        name: &str,
        variables: &mut Variables,
    ) -> Result<Self, String> {
        let nothing = Map::new();
        let section = |name: &str| match gateway.get(name) {
            Some(Value::Object(section)) => Ok(section),
            None | Some(Value::Null) => Ok(&nothing),
            Some(other) => Err(format!("its {name} are {}, not a table", kind(other))),
        };
        let description = gateway.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
        let mut draft = Self {
            module,
            description: description.map(str::to_owned),
            parameters: Keys::new(),
            options: Keys::new(),
            headers: Keys::new(),
            notes: Vec::new(),
        };
        for (key, value) in section("options")? {
            draft.option(declaration, key, value, &mut |key| variables.name(name, key))?;
        }
        for (key, value) in section("headers")? {
            match given(value, &mut || variables.name(name, key)) {
                Some(given) if declaration.headers_allowed => draft.headers.push((key.clone(), given)),
                Some(_) => {
                    draft.note(Kind::NoCounterpart, key, "this header had no effect there, and is left out")
                }
                None => draft.note(Kind::NoCounterpart, key, "a header without a value is left out"),
            }
        }
        for key in gateway.as_object().into_iter().flat_map(Map::keys) {
            if !KNOWN.contains(&key.as_str()) {
                draft.note(Kind::NoCounterpart, key, "is left out");
            }
        }
        draft.adapt()?;
        Ok(draft)
    }

    fn option(
        &mut self,
        declaration: &Declaration,
        key: &str,
        value: &Value,
        variable: &mut dyn FnMut(&str) -> String,
    ) -> Result<(), String> {
        let parameter = self.module.parameter(key);
        if let Some(name) = parameter
            && !declaration.parameters.iter().any(|parameter| parameter.is_called(name))
        {
            let text = "the installed provider has no such parameter, so that it is left out";
            self.note(Kind::NoCounterpart, key, text);
            return Ok(());
        }
        let Some(given) = given(value, &mut || variable(key)) else {
            if parameter.is_none() {
                self.note(Kind::NoCounterpart, key, "has no value, and is left out");
            }
            return Ok(());
        };
        match parameter {
            Some(name) => {
                if value.is_array() || value.is_object() {
                    return Err(format!("{key} is {}, not a text", kind(value)));
                }
                if given == Given::Text(String::new()) && !self.module.may_be_empty.contains(&name) {
                    return Ok(());
                }
                if self.parameters.iter().any(|(other, _)| other == name) {
                    return Err(format!("it has {name} twice, as {key} too"));
                }
                if key != name && !key.eq_ignore_ascii_case(name) {
                    self.note(Kind::Renamed, key, format!("is called {name} here"));
                }
                self.parameters.push((name.to_owned(), given));
            }
            None if declaration.options_allowed => self.options.push((key.to_owned(), given)),
            None => {
                let text =
                    "its module reads no such parameter, so that it had no effect there, and is left out";
                self.note(Kind::NoCounterpart, key, text);
            }
        }
        Ok(())
    }

    /// What the values mean, module by module.
    fn adapt(&mut self) -> Result<(), String> {
        self.regexp();
        match self.module.provider {
            "http" => http::adapt(self)?,
            "smtp" => mail::adapt(self)?,
            "smpp" => self.smpp(),
            "sipgate" => self.sipgate(),
            "script" => self.script()?,
            _ => {}
        }
        Ok(())
    }

    /// Whether it can be used at all, the provider says. But what Python ignored must not begin to count unnoticed.
    fn regexp(&mut self) {
        let Some(regexp) = self.parameter("REGEXP") else { return };
        // There the pattern goes up to the last slash but one, and one that ends in a lone backslash is no pattern.
        let pattern =
            regexp.strip_suffix('/').and_then(|rest| rest.rsplit_once('/')).map(|(pattern, _)| pattern);
        let escaped = pattern.is_some_and(|pattern| {
            pattern.chars().rev().take_while(|character| *character == '\\').count() % 2 == 1
        });
        if escaped {
            let text = r"a slash that is written \/ in its replacement made Python ignore it; here it is a slash, and numbers are changed";
            self.note(Kind::NotCopied, "REGEXP", text);
        }
    }

    fn smpp(&mut self) {
        let text = "there the answer to a submission was never read, so that a refusal counted as sent; here it counts as what it is";
        self.note(Kind::NotCopied, "", text);
        for key in ["S_ADDR_TON", "S_ADDR_NPI", "D_ADDR_TON", "D_ADDR_NPI"] {
            if self.parameter(key).is_none() {
                let text = "is not set, which was 0 there; here the default counts that `gatepost providers smpp` prints";
                self.note(Kind::Differs, key, text);
            }
        }
    }

    fn sipgate(&mut self) {
        let text = "there every answer with status 200 counted as sent, and `<` or `&` in a text broke the request; here a fault is \
                    a fault, and every text arrives";
        self.note(Kind::NotCopied, "", text);
        if self.parameter("REGEXP").is_some() {
            self.note(Kind::NotCopied, "REGEXP", "there it was ignored; here it changes the number");
        }
        proxies::adapt(self, "https");
    }

    fn script(&mut self) -> Result<(), String> {
        if let Some(script) = self.parameter("SCRIPT")
            && (script.contains(['/', '\0']) || matches!(script, "." | ".."))
        {
            return Err(format!(
                "SCRIPT: {script:?} is no file name; put the script itself into the script directory, and name it without `/`"
            ));
        }
        match self.parameter("BACKGROUND") {
            Some("wait") => {
                let text = "there a script may run for any time; here it is killed after 30 s, unless TIMEOUT says otherwise";
                self.note(Kind::Differs, "TIMEOUT", text);
            }
            Some("background") => {
                let text = "there the request waited for the script all the same, and one that could not be started counted as sent";
                self.note(Kind::NotCopied, "BACKGROUND", text);
            }
            _ => {
                let text = "was neither wait nor background, so that the script's exit code did not count; written as background";
                self.note(Kind::NotCopied, "BACKGROUND", text);
                self.set("BACKGROUND", "background".into());
            }
        }
        Ok(())
    }

    /// A parameter that is there with a text of its own.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find_map(|(key, given)| match given {
            Given::Text(text) if key == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// Whether a parameter is there, be it as a reference.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(key, _)| key == name)
    }

    /// Gives a parameter another text, in its place.
    pub(super) fn set(&mut self, name: &str, text: String) {
        match self.parameters.iter_mut().find(|(key, _)| key == name) {
            Some((_, given)) => *given = Given::Text(text),
            None => self.parameters.push((name.to_owned(), Given::Text(text))),
        }
    }

    pub(super) fn note(&mut self, kind: Kind, key: &str, text: impl Into<String>) {
        self.notes.push(Note::new(kind, key, text));
    }

    /// The environment variables that it reads, each with its key.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let sections = [&self.parameters, &self.options, &self.headers];
        sections.into_iter().flatten().filter_map(|(key, given)| match given {
            Given::Env(name) => Some((name.as_str(), key.as_str())),
            _ => None,
        })
    }

    /// The file with this definition, called `name` here and `theirs` in the export.
    pub(super) fn file(&self, name: &str, theirs: &str) -> String {
        let mut file =
            Document::new(&format!("Taken over from privacyIDEA: {theirs} ({})", self.module.class));
        let mut head = vec![("provider".to_owned(), Given::Text(self.module.provider.into()))];
        head.extend(self.description.clone().map(|text| ("description".to_owned(), Given::Text(text))));
        file.table(&["gateways", name], &head);
        for (section, keys) in
            [("parameters", &self.parameters), ("options", &self.options), ("headers", &self.headers)]
        {
            if !keys.is_empty() {
                file.blank();
                file.table(&["gateways", name, section], keys);
            }
        }
        file.into_text()
    }
}

/// A value of the export; `None` for none. One that is a list or a table is its JSON.
pub(super) fn given(value: &Value, variable: &mut dyn FnMut() -> String) -> Option<Given> {
    match value {
        Value::Null => None,
        Value::String(text) if text == CENSORED => Some(Given::Env(variable())),
        Value::String(text) => Some(Given::Text(text.clone())),
        other => Some(Given::Text(other.to_string())),
    }
}

#[cfg(test)]
pub(super) mod tests;

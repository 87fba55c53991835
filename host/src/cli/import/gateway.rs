//! A gateway of the export, taken apart: what is a parameter, what a free option, and what its values mean here.

use super::{
    export::kind,
    http, mail,
    modules::Module,
    names::Variables,
    proxies,
    report::{Kind, Note},
    toml::{Document, Given, Keys},
};
use gatepost_provider_api::Declaration;
use serde_json::{Map, Value};

/// What `pi-manage config export --censor` writes in place of a secret.
pub(super) const CENSORED: &str = "__CENSORED__";

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
pub(super) mod tests {
    use super::*;
    use gatepost_provider_api::Parameter;
    use serde_json::json;

    /// What a provider that takes the place of the module declares, as far as it counts here.
    fn declaration(module: &Module) -> Declaration {
        let names: &[&str] = match module.provider {
            "http" => &[
                "URL",
                "HTTP_METHOD",
                "CHECK_SSL",
                "SEND_DATA_AS_JSON",
                "RETURN_SUCCESS",
                "USERNAME",
                "PASSWORD",
                "REGEXP",
                "PROXY",
                "HTTP_PROXY",
                "HTTPS_PROXY",
                "TIMEOUT",
                "PARAMETER",
                "REDIRECTS",
            ],
            "smtp" => &["MAILTO", "SMTPIDENTIFIER", "SUBJECT", "BODY", "REGEXP"],
            "script" => &["SCRIPT", "BACKGROUND", "REGEXP", "TIMEOUT"],
            "sipgate" => &["USERNAME", "PASSWORD", "PROXY", "REGEXP", "ENDPOINT"],
            "smpp" => &["SMSC_HOST", "SMSC_PORT", "S_ADDR_TON"],
            _ => &["JSON config file", "projectid", "apiios"],
        };
        let declaration = Declaration::new("");
        let declaration =
            if module.provider == "http" { declaration.allow_options().allow_headers() } else { declaration };
        names.iter().fold(declaration, |declaration, name| declaration.parameter(Parameter::text(name)))
    }

    /// The definition for these options of this module.
    pub(in super::super) fn draft(class: &str, options: Value) -> Result<Draft, String> {
        let gateway = json!({
            "providermodule": format!("privacyidea.lib.smsprovider.{class}.{class}"), "options": options, "headers": {},
        });
        taken(&gateway)
    }

    fn taken(gateway: &Value) -> Result<Draft, String> {
        let module = module(gateway)?;
        Draft::new(module, &declaration(module), gateway, "gw", &mut Variables::default())
    }

    pub(in super::super) fn noted(draft: &Draft) -> Vec<(Kind, &str)> {
        draft.notes.iter().map(|note| (note.kind, note.key.as_str())).collect()
    }

    #[test]
    fn parameters_are_told_from_options() {
        let options = json!({
            "text": "{otp}", "URL": "http://x", "REDIRECTS": "5", "PASSWORD": CENSORED, "key": CENSORED, "PROXY": "", "n": 5, "no": null,
        });
        let draft = draft("HttpSMSProvider", options).unwrap();
        let parameters = [
            ("URL".to_owned(), Given::Text("http://x".into())),
            ("PASSWORD".to_owned(), Given::Env("GW_PASSWORD".into())),
        ];
        assert_eq!(draft.parameters, parameters);
        let text = |text: &str| Given::Text(text.into());
        let options = [
            ("text".to_owned(), text("{otp}")),
            ("REDIRECTS".to_owned(), text("5")),
            ("key".to_owned(), Given::Env("GW_KEY".into())),
            ("n".to_owned(), text("5")),
        ];
        assert_eq!(draft.options, options);
        assert_eq!(draft.variables().collect::<Vec<_>>(), [("GW_PASSWORD", "PASSWORD"), ("GW_KEY", "key")]);
        assert_eq!(noted(&draft), [(Kind::NoCounterpart, "no")]);
    }

    #[test]
    fn what_a_module_does_not_read_is_left_out_and_said() {
        let gateway = json!({
            "providermodule": "privacyidea.lib.smsprovider.ScriptSMSProvider.ScriptSMSProvider",
            "options": { "script": "a", "background": "wait", "TIMEOUT": "5" },
            "headers": { "X-A": "b" },
            "position": 5,
        });
        let draft = taken(&gateway).unwrap();
        let keys = draft.parameters.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>();
        assert_eq!(keys, ["SCRIPT", "BACKGROUND"]);
        let lost = Kind::NoCounterpart;
        assert_eq!(
            noted(&draft),
            [(lost, "TIMEOUT"), (lost, "X-A"), (lost, "position"), (Kind::Differs, "TIMEOUT")]
        );
    }

    #[test]
    fn what_the_installed_provider_does_not_have_is_left_out_and_said() {
        let draft = draft(
            "FirebaseProvider",
            json!({ "JSON config file": "/a", "httpsproxy": "http://p", "apikeyios": "k" }),
        );
        let draft = draft.unwrap();
        assert_eq!(noted(&draft), [(Kind::NoCounterpart, "httpsproxy"), (Kind::Renamed, "apikeyios")]);
        assert_eq!((draft.parameter("apiios"), draft.has("httpsproxy")), (Some("k"), false));
    }

    #[test]
    fn what_can_not_be_taken_over_says_why() {
        for (gateway, fragment) in [
            (json!([]), "it is a list"),
            (json!({}), "no providermodule"),
            (json!({ "providermodule": "my.own.Module" }), "my.own.Module"),
            (json!({ "providermodule": 5 }), "a number"),
        ] {
            assert!(module(&gateway).unwrap_err().contains(fragment), "{gateway}");
        }
        for (class, options, fragment) in [
            ("HttpSMSProvider", json!([]), "its options are a list"),
            ("HttpSMSProvider", json!({ "URL": ["x"] }), "URL is a list"),
            ("ScriptSMSProvider", json!({ "script": "a", "SCRIPT": "b" }), "SCRIPT twice"),
            ("ScriptSMSProvider", json!({ "script": "sub/a" }), "no file name"),
        ] {
            assert!(draft(class, options.clone()).unwrap_err().contains(fragment), "{options}");
        }
    }

    #[test]
    fn what_relied_on_a_bug_is_said() {
        for (class, options, key) in [
            ("HttpSMSProvider", json!({ "REGEXP": r"/\./\//" }), "REGEXP"),
            ("SipgateSMSProvider", json!({ "REGEXP": "/a//" }), "REGEXP"),
            ("SipgateSMSProvider", json!({ "PROXY": "http://x" }), "PROXY"),
            ("SmppSMSProvider", json!({ "SMSC_HOST": "x", "S_ADDR_TON": "5" }), ""),
            ("ScriptSMSProvider", json!({ "script": "a" }), "BACKGROUND"),
            ("ScriptSMSProvider", json!({ "script": "a", "background": "background" }), "BACKGROUND"),
        ] {
            let draft = draft(class, options.clone()).unwrap();
            assert!(noted(&draft).contains(&(Kind::NotCopied, key)), "{options}: {draft:?}");
        }
        let sound = draft("HttpSMSProvider", json!({ "REGEXP": r"/[\+\/]/\\/" })).unwrap();
        assert_eq!(noted(&sound), []);
    }

    #[test]
    fn a_file_holds_the_whole_definition() {
        let gateway = json!({
            "providermodule": "privacyidea.lib.smsprovider.HttpSMSProvider.HttpSMSProvider",
            "description": "Büro",
            "options": { "URL": "http://x", "b": "1", "a": "2" },
            "headers": { "X-A": "c" },
        });
        let file = taken(&gateway).unwrap().file("b-ro", "bü\nro");
        let expected = "# Taken over from privacyIDEA: bü ro (HttpSMSProvider)\n\
            [gateways.b-ro]\nprovider = \"http\"\ndescription = \"Büro\"\n\
            \n[gateways.b-ro.parameters]\nURL = \"http://x\"\n\
            \n[gateways.b-ro.options]\nb = \"1\"\na = \"2\"\n\
            \n[gateways.b-ro.headers]\nX-A = \"c\"\n";
        assert_eq!(file, expected);
    }
}

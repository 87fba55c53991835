//! What a provider takes: declared once, and from it the configuration check, the documentation
//! and the API's schema are derived.

use crate::{Definition, Figure, Problem, Section};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// What a parameter's value may be. A kind that this version does not know is taken as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Kind {
    /// `yes` or `no`, or a TOML boolean.
    YesNo,
    /// A whole number within bounds, both inclusive.
    Integer {
        /// The least allowed.
        min: i64,
        /// The greatest allowed.
        max: i64,
    },
    /// A time in seconds, fractions allowed, more than 0 and at most a day.
    Seconds,
    /// One of a few words, exactly as written.
    Choice {
        /// The words.
        values: Vec<String>,
    },
    /// A path. A relative one starts at the folder of the file that it stands in, and arrives absolute.
    Path,
    /// A table of further keys; scalars inside stay as they are.
    Table,
    /// Any text.
    #[serde(other)]
    Text,
}

/// One parameter: its name, what it may be, and what an operator must know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Canonical name, as the documentation writes it.
    pub name: String,
    /// Other names that are taken for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What its value may be.
    #[serde(flatten)]
    pub kind: Kind,
    /// Whether a definition without it is refused.
    #[serde(default)]
    pub required: bool,
    /// What is said where a required one is missing, in place of "required key is missing".
    #[serde(default)]
    pub missing: Option<String>,
    /// The value that counts where none is given.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether its value is never shown. One whose name says so is secret in any case: see [`Parameter::is_secret`].
    #[serde(default)]
    pub secret: bool,
    /// Whether it may change while the definition's secrets are kept: see [`Declaration::harmless`].
    #[serde(default)]
    pub harmless: bool,
    /// Whether it names a file that the provider reads when it is created: see [`Parameter::read_at_create`].
    #[serde(default)]
    pub read_at_create: bool,
    /// One or two sentences for the parameter table, Markdown.
    #[serde(default)]
    pub description: String,
}

impl Parameter {
    fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            aliases: Vec::new(),
            kind,
            required: false,
            missing: None,
            default: None,
            secret: false,
            harmless: false,
            read_at_create: false,
            description: String::new(),
        }
    }

    /// A parameter that takes any text.
    pub fn text(name: &str) -> Self {
        Self::new(name, Kind::Text)
    }

    /// A parameter that takes `yes`, `no` or a TOML boolean.
    pub fn yes_no(name: &str) -> Self {
        Self::new(name, Kind::YesNo)
    }

    /// A parameter that takes a whole number from `min` to `max`.
    pub fn integer(name: &str, min: i64, max: i64) -> Self {
        Self::new(name, Kind::Integer { min, max })
    }

    /// A parameter that takes a time in seconds.
    pub fn seconds(name: &str) -> Self {
        Self::new(name, Kind::Seconds)
    }

    /// A parameter that takes one of `values`.
    pub fn choice(name: &str, values: &[&str]) -> Self {
        Self::new(name, Kind::Choice { values: values.iter().map(|&value| value.to_owned()).collect() })
    }

    /// A parameter that takes a path.
    pub fn path(name: &str) -> Self {
        Self::new(name, Kind::Path)
    }

    /// A parameter that takes a table of further keys.
    pub fn table(name: &str) -> Self {
        Self::new(name, Kind::Table)
    }

    /// Refuses a definition without it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Refuses a definition without it, in the words that users of another system know.
    #[must_use]
    pub fn required_or(mut self, missing: &str) -> Self {
        self.missing = Some(missing.into());
        self.required()
    }

    /// The value that counts where none is given.
    #[must_use]
    pub fn default(mut self, value: &str) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Another name that is taken for it.
    #[must_use]
    pub fn alias(mut self, name: &str) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// Never shows its value.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Names a file that is read when the provider is created, and not again. A reload builds the gateway anew if the file was written
    /// since, as it does if the parameter has another value.
    #[must_use]
    pub fn read_at_create(mut self) -> Self {
        self.read_at_create = true;
        self
    }

    /// One or two sentences for the parameter table.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.description = text.into();
        self
    }

    /// Whether its value is a secret: declared so, or its name says so ([`name_is_secret`]).
    pub fn is_secret(&self) -> bool {
        self.secret || name_is_secret(&self.name)
    }

    /// Whether `key` is its name or one of its aliases.
    pub fn is_called(&self, key: &str) -> bool {
        self.name == key || self.aliases.iter().any(|alias| alias == key)
    }

    /// The value as `Provider::create` gets it, or what is wrong with it and how to mend that.
    /// Messages show the value only where it is no secret.
    fn normalize(&self, value: &Value, directory: &Path) -> Result<Value, (String, String)> {
        if let Kind::Table = self.kind {
            return match value {
                Value::Object(_) => Ok(value.clone()),
                _ => {
                    Err(("must be a table".into(), format!("write `{} = {{ key = \"value\" }}`", self.name)))
                }
            };
        }
        let text = scalar_text(value).ok_or_else(|| {
            ("must be one value, not a table or a list".to_owned(), "write it as a string".to_owned())
        })?;
        let shown = if self.is_secret() { String::new() } else { format!(", not {text:?}") };
        match &self.kind {
            Kind::YesNo => match (value, text.as_str()) {
                (Value::Bool(true), _) | (_, "yes") => Ok("yes".into()),
                (Value::Bool(false), _) | (_, "no") => Ok("no".into()),
                _ => Err((format!("must be yes or no{shown}"), "write \"yes\" or \"no\"".into())),
            },
            Kind::Integer { min, max } => match text.parse::<i64>() {
                Ok(number) if (*min..=*max).contains(&number) => Ok(number.to_string().into()),
                _ => Err((
                    format!("must be a whole number from {min} to {max}{shown}"),
                    "write such a number".into(),
                )),
            },
            Kind::Seconds => match text.parse::<f64>() {
                Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(text.into()),
                _ => Err((
                    format!("must be a time in seconds, more than 0 and at most 86400{shown}"),
                    "write the number of seconds alone, such as 5 or 1.5".into(),
                )),
            },
            Kind::Choice { values } => {
                if values.contains(&text) {
                    return Ok(text.into());
                }
                let mend = match nearest(&text, values.iter().map(String::as_str)) {
                    Some(near) if !self.is_secret() => format!("did you mean {near:?}?"),
                    _ => "write one of them".into(),
                };
                let words = values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ");
                Err((format!("must be one of {words}{shown}"), mend))
            }
            Kind::Path => {
                if text.is_empty() {
                    let what = self.missing.as_deref().unwrap_or("must not be empty");
                    let mend = if self.required { "write a path" } else { "write a path, or remove the key" };
                    return Err((what.into(), mend.into()));
                }
                let path = directory.join(&text);
                Ok(path.into_os_string().into_string().unwrap_or(text).into())
            }
            Kind::Text | Kind::Table => Ok(text.into()),
        }
    }
}

/// All that a provider takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Declaration {
    /// What the provider is, one sentence, Markdown.
    pub description: String,
    /// Where the service's own documentation stands.
    pub documentation: Option<String>,
    /// The fixed parameters of a gateway definition.
    pub parameters: Vec<Parameter>,
    /// The settings of the provider as a whole, `[provider.NAME]`.
    pub settings: Vec<Parameter>,
    /// Whether a definition may have options: free keys.
    pub options_allowed: bool,
    /// Whether a definition may have headers.
    pub headers_allowed: bool,
    /// Whether options and headers may change while the definition's secrets are kept: see [`Declaration::harmless_fields`].
    pub harmless_fields: bool,
    /// Whether `parse_receipt` understands receipts that the service posts to the host.
    pub parses_receipts: bool,
    /// Figures such as the provider gives, for the documentation.
    #[serde(deserialize_with = "known_figures", skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}

/// Leaves out what a newer plugin has and this host does not know.
fn known_figures<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<Figure>, D::Error> {
    let figures = Vec::<Value>::deserialize(deserializer)?;
    Ok(figures.into_iter().filter_map(|figure| serde_json::from_value(figure).ok()).collect())
}

impl Declaration {
    /// A declaration with nothing in it but its description.
    pub fn new(description: &str) -> Self {
        Self { description: description.into(), ..Self::default() }
    }

    /// Where the service's own documentation stands.
    #[must_use]
    pub fn documentation(mut self, url: &str) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Adds a provider-wide setting.
    #[must_use]
    pub fn setting(mut self, setting: Parameter) -> Self {
        self.settings.push(setting);
        self
    }

    /// Allows options: free keys.
    #[must_use]
    pub fn allow_options(mut self) -> Self {
        self.options_allowed = true;
        self
    }

    /// Allows headers.
    #[must_use]
    pub fn allow_headers(mut self) -> Self {
        self.headers_allowed = true;
        self
    }

    /// Says of these parameters that they have no part in where messages and secrets go, in how well they are protected on the way, and
    /// in what is shown of the answers.
    ///
    /// Who changes a definition over the API need not know its secrets: those stay as they are. So that they can't be sent elsewhere,
    /// that holds only as long as every parameter stays the same that is not named here.
    #[must_use]
    pub fn harmless(mut self, names: &[&str]) -> Self {
        for parameter in &mut self.parameters {
            parameter.harmless |= names.contains(&parameter.name.as_str());
        }
        self
    }

    /// Says the same of options and headers: they are sent along to where the parameters say. A header or value that names a host or an
    /// address is looked at all the same.
    #[must_use]
    pub fn harmless_fields(mut self) -> Self {
        self.harmless_fields = true;
        self
    }

    /// Says that `parse_receipt` is implemented.
    #[must_use]
    pub fn parse_receipts(mut self) -> Self {
        self.parses_receipts = true;
        self
    }

    /// The parameter of this name, or of this alias.
    pub fn parameter_called(&self, key: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.is_called(key))
    }

    /// Adds figures to the documentation, each with every label that it has.
    #[must_use]
    pub fn figures(mut self, figures: impl IntoIterator<Item = Figure>) -> Self {
        self.figures.extend(figures);
        self
    }

    /// Checks a definition against this declaration and brings it to the form that
    /// `Provider::create` gets: canonical names, scalars as strings, absolute paths, defaults filled in.
    ///
    /// # Errors
    /// Every problem at once; the caller adds file and line and shows them to the operator.
    pub fn check(&self, definition: &Definition) -> Result<Definition, Vec<Problem>> {
        let (checked, problems) = self.examine(definition);
        match checked {
            Some(checked) if problems.is_empty() => Ok(checked),
            _ => Err(problems),
        }
    }

    /// The same, but with what is left of a definition that has problems: as if the wrong keys were not there. `None` if it can't do
    /// without one of them.
    pub fn examine(&self, definition: &Definition) -> (Option<Definition>, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut checked = definition.clone();
        checked.parameters = normalize_section(
            Section::Parameters,
            &self.parameters,
            &definition.parameters,
            &definition.directory,
            &mut problems,
        );
        checked.settings = normalize_section(
            Section::Settings,
            &self.settings,
            &definition.settings,
            &definition.settings_directory,
            &mut problems,
        );
        for (section, allowed, given) in [
            (Section::Options, self.options_allowed, &definition.options),
            (Section::Headers, self.headers_allowed, &definition.headers),
        ] {
            for key in given.keys().filter(|_| !allowed) {
                let what = match section {
                    Section::Options => "this provider takes no options",
                    _ => "this provider takes no headers",
                };
                let mend = match self.parameter_called(key) {
                    Some(parameter) => format!("move it to `parameters`, as {}", parameter.name),
                    None => "remove it".into(),
                };
                problems.push(Problem::new(section, key, what, mend));
            }
        }
        // The seed's rule: "the fixed parameters and the options can not have the same name".
        for key in definition.options.keys().filter(|_| self.options_allowed) {
            if definition.parameters.get(key).is_some_and(is_filled) {
                let what = format!("{key} is both a parameter and an option");
                problems.push(Problem::new(Section::Options, key, what, "remove one of the two"));
                checked.options.shift_remove(key);
            }
        }
        if !self.options_allowed {
            checked.options.clear();
        }
        if !self.headers_allowed {
            checked.headers.clear();
        }
        let there = |declared: &[Parameter], found: &Map<String, Value>| {
            declared.iter().all(|parameter| !parameter.required || found.contains_key(&parameter.name))
        };
        let complete =
            there(&self.parameters, &checked.parameters) && there(&self.settings, &checked.settings);
        (complete.then_some(checked), problems)
    }
}

fn normalize_section(
    section: Section,
    declared: &[Parameter],
    given: &Map<String, Value>,
    directory: &Path,
    problems: &mut Vec<Problem>,
) -> Map<String, Value> {
    let mut found = Map::new();
    let mut named: Vec<(&str, &str)> = Vec::new();
    let mut misspelt: Vec<&str> = Vec::new();
    for (key, value) in given {
        let Some(parameter) = declared.iter().find(|parameter| parameter.is_called(key)) else {
            problems.push(Problem::new(section, key, "unknown key", unknown_key_mend(key, declared)));
            misspelt.extend(nearest(key, names(declared)));
            continue;
        };
        if let Some((_, other)) = named.iter().find(|(name, _)| *name == parameter.name) {
            let what = format!("{other} and {key} are the same parameter");
            problems.push(Problem::new(section, key, what, "remove one of the two"));
            continue;
        }
        named.push((&parameter.name, key));
        match parameter.normalize(value, directory) {
            Ok(value) => {
                found.insert(parameter.name.clone(), value);
            }
            Err((what, mend)) => problems.push(Problem::new(section, key, what, mend)),
        }
    }
    for parameter in declared.iter().filter(|parameter| !parameter.required) {
        // Also where the value that is given is wrong.
        if let (None, Some(default)) = (found.get(&parameter.name), &parameter.default) {
            found.insert(parameter.name.clone(), default.as_str().into());
        }
    }
    for parameter in declared.iter().filter(|parameter| parameter.required) {
        let is_named = named.iter().any(|(name, _)| *name == parameter.name);
        // A misspelt key was meant to be this one: one mistake, one problem.
        if !is_named && !misspelt.iter().any(|name| parameter.is_called(name)) {
            let what = parameter.missing.as_deref().unwrap_or("required key is missing");
            problems.push(Problem::new(section, &parameter.name, what, "add it"));
        }
    }
    found
}

/// Every name that is taken.
fn names(declared: &[Parameter]) -> impl Iterator<Item = &str> {
    declared
        .iter()
        .flat_map(|parameter| std::iter::once(&parameter.name).chain(&parameter.aliases))
        .map(String::as_str)
}

fn unknown_key_mend(key: &str, declared: &[Parameter]) -> String {
    match nearest(key, names(declared)) {
        Some(near) => format!("did you mean {near}?"),
        None if declared.is_empty() => "remove it: there are none here".into(),
        None => {
            let known = declared.iter().map(|parameter| parameter.name.as_str()).collect::<Vec<_>>();
            format!("known keys are {}", known.join(", "))
        }
    }
}

/// The word among `words` that `word` was probably meant to be, if one is near enough. Case does not count.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name is that long, and comparing takes time.
    if word.len() > 128 {
        return None;
    }
    let word = word.to_lowercase();
    words
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= known.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Whether a parameter, option, setting or header of this name is a secret whatever its declaration says:
/// it contains PASSWORD, SECRET, TOKEN or APIKEY, or is Authorization, in any case.
pub fn name_is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASSWORD", "SECRET", "TOKEN", "APIKEY", "AUTHORIZATION"].iter().any(|word| name.contains(word))
}

/// An empty text is a parameter that is not filled in.
fn is_filled(value: &Value) -> bool {
    value.as_str() != Some("")
}

/// The text that a scalar stands for: `5` and `"5"` mean the same. `None` for tables, lists and null.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::PathBuf;

    fn declaration() -> Declaration {
        Declaration::new("A test.")
            .parameter(Parameter::text("URL").required().alias("url"))
            .parameter(Parameter::yes_no("CHECK_SSL").default("yes"))
            .parameter(Parameter::choice("HTTP_METHOD", &["GET", "POST"]).default("GET"))
            .parameter(Parameter::seconds("TIMEOUT").default("3"))
            .parameter(Parameter::integer("PORT", 1, 65_535))
            .parameter(Parameter::path("CA_FILE"))
            .parameter(Parameter::table("PARAMETER"))
            .parameter(Parameter::choice("PASSWORD", &["a", "b"]))
            .setting(Parameter::path("directory").default("/etc/x").alias("OLD_DIRECTORY"))
            .allow_options()
    }

    fn definition(parameters: Value, options: Value) -> Definition {
        let map = |value: Value| value.as_object().cloned().unwrap_or_default();
        Definition {
            gateway: "gw".into(),
            parameters: map(parameters),
            options: map(options),
            directory: PathBuf::from("/conf/gateways.d"),
            settings_directory: PathBuf::from("/conf"),
            ..Definition::default()
        }
    }

    #[test]
    fn values_come_in_one_form_under_their_canonical_name() {
        let parameters = json!({
            "url": "https://x", "CHECK_SSL": false, "TIMEOUT": 1.5, "PORT": "25", "CA_FILE": "ca.pem", "PARAMETER": { "a": 1 },
        });
        let mut given = definition(parameters, json!({ "text": "{otp}" }));
        given.settings.insert("OLD_DIRECTORY".into(), "scripts".into());
        let checked = declaration().check(&given).unwrap();
        assert_eq!(checked.text("URL"), Some("https://x"));
        assert!(!checked.yes("CHECK_SSL"));
        assert_eq!(checked.text("HTTP_METHOD"), Some("GET"));
        assert_eq!(checked.seconds("TIMEOUT"), Some(std::time::Duration::from_millis(1500)));
        assert_eq!(checked.integer("PORT"), Some(25));
        assert_eq!(checked.text("CA_FILE"), Some("/conf/gateways.d/ca.pem"));
        assert_eq!(checked.table("PARAMETER").map(Map::len), Some(1));
        assert_eq!(checked.setting("directory"), Some("/conf/scripts"));
        assert_eq!(checked.options, given.options);
    }

    #[test]
    fn each_mistake_is_named_and_mended() {
        for (change, key, fragment) in [
            (json!({ "URL": null }), "URL", "must be one value"),
            (
                json!({ "CHECK_SSL": "True" }),
                "CHECK_SSL",
                "must be yes or no, not \"True\"; write \"yes\" or \"no\"",
            ),
            (json!({ "HTTP_METHOD": "post" }), "HTTP_METHOD", "not \"post\"; did you mean \"POST\"?"),
            (json!({ "TIMEOUT": "0" }), "TIMEOUT", "more than 0"),
            (json!({ "TIMEOUT": "nan" }), "TIMEOUT", "more than 0"),
            (json!({ "PORT": 70_000 }), "PORT", "from 1 to 65535, not \"70000\""),
            (json!({ "CA_FILE": "" }), "CA_FILE", "must not be empty"),
            (json!({ "PARAMETER": "x" }), "PARAMETER", "must be a table"),
            (json!({ "CHEK_SSL": "yes" }), "CHEK_SSL", "unknown key; did you mean CHECK_SSL?"),
            (json!({ "url": "twice" }), "url", "URL and url are the same parameter"),
        ] {
            let mut parameters = json!({ "URL": "https://x" });
            for (name, value) in change.as_object().unwrap() {
                parameters[name] = value.clone();
            }
            let problems = declaration().check(&definition(parameters, json!({}))).unwrap_err();
            assert_eq!((problems.len(), problems[0].key.as_str()), (1, key), "{change}: {problems:?}");
            assert!(problems[0].to_string().contains(fragment), "{}", problems[0]);
        }
        let misspelt = declaration().check(&definition(json!({ "ULR": "x" }), json!({}))).unwrap_err();
        assert_eq!(misspelt.len(), 1, "what was meant is not missing as well: {misspelt:?}");
        let missing = declaration().check(&definition(json!({}), json!({}))).unwrap_err();
        assert_eq!(missing[0].to_string(), "URL: required key is missing; add it");
    }

    #[test]
    fn a_secret_stands_in_no_problem() {
        let parameters = json!({ "URL": "x", "PASSWORD": "hunter2" });
        let problems = declaration().check(&definition(parameters, json!({}))).unwrap_err();
        assert!(!problems[0].to_string().contains("hunter2"), "{}", problems[0]);
        assert!(Parameter::text("my_ApiKey").is_secret() && !Parameter::text("USER").is_secret());
    }

    #[test]
    fn options_and_headers_are_taken_where_they_are_allowed() {
        let mut given = definition(json!({ "URL": "x" }), json!({ "URL": "y" }));
        given.headers.insert("X-A".into(), "1".into());
        let problems = declaration().check(&given).unwrap_err();
        let found = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                "X-A: this provider takes no headers; remove it",
                "URL: URL is both a parameter and an option; remove one of the two"
            ]
        );
        let strict = Declaration::new("").parameter(Parameter::text("URL"));
        let problems = strict.check(&definition(json!({}), json!({ "URL": "y" }))).unwrap_err();
        assert_eq!(problems[0].mend, "move it to `parameters`, as URL");
    }

    #[test]
    fn nothing_is_harmless_that_is_not_declared_so() {
        let declaration = declaration().harmless(&["TIMEOUT", "PASSWORD", "MISSING"]);
        let harmless = declaration.parameters.iter().filter(|parameter| parameter.harmless);
        let names = harmless.map(|parameter| parameter.name.as_str()).collect::<Vec<_>>();
        assert_eq!((names, declaration.harmless_fields), (vec!["TIMEOUT", "PASSWORD"], false));
        let json = r#"{"parameters": [{"name": "A", "kind": "text"}], "options_allowed": true}"#;
        let earlier: Declaration = serde_json::from_str(json).unwrap();
        assert!(!earlier.parameters[0].harmless && !earlier.harmless_fields);
    }

    #[test]
    fn a_declaration_of_a_later_version_is_understood_as_far_as_it_goes() {
        let json =
            r#"{"description": "x", "news": 1, "parameters": [{"name": "A", "kind": "colour", "hue": 3}]}"#;
        let declaration: Declaration = serde_json::from_str(json).unwrap();
        assert_eq!(declaration.parameters[0].kind, Kind::Text);
    }
}

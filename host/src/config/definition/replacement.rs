//! What may take the place of a definition when it comes from outside.
//!
//! Whoever may change definitions must not get to read files, the environment or secrets by that. So three things can't come from
//! outside, only stay: [`CENSORED`] in place of a secret, a reference, and a path. Each stays at the very place where it stands, in the
//! form in which it was shown; and only while nothing else changes that says where the definition sends things, so that no secret goes
//! elsewhere than it did. What does not say so is what the provider declares harmless; everything else counts.
//!
//! Nor is anybody to learn by it whether they have guessed a secret. So what holds one, such as an address with a password, is the same
//! only as it is shown: given with a secret in it, it counts as another, whether or not it is.

use super::{CENSORED, SECTIONS, Written, is_reference, token};
use gatepost_provider_api::{Declaration, Kind, Parameter, declaration::scalar_text};
use serde_json::{Map, Value};

/// From here on JSON's numbers are not exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Something in a definition from outside that can't be taken. Quotes no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The JSON pointer of the value.
    pub pointer: String,
    /// What is wrong; how to mend it.
    pub detail: String,
}

/// The definition that `given` stands for, with `stored` in its place until now. `declaration` is that of the provider which `given`
/// names; whether the rest of it makes sense is for the reader of the configuration to say.
///
/// # Errors
/// Everything in it that can't come from outside.
pub fn replacement(
    given: &Map<String, Value>,
    stored: Option<&Written>,
    declaration: &Declaration,
) -> Result<Written, Vec<Objection>> {
    let nothing = Map::new();
    let shown = stored.map(|stored| stored.shown(Some(declaration))).unwrap_or_default();
    let stored = stored.map_or(&nothing, |stored| &stored.0);
    let mut taking = Taking { declaration, kept: Vec::new(), told: Vec::new(), objections: Vec::new() };
    let taken = taking.table("", given, Some((stored, &shown)), Within::Definition);
    let Taking { kept, told, mut objections, .. } = taking;
    if !kept.is_empty() {
        let changed = changed(stored, &taken, &told, declaration);
        if !changed.is_empty() {
            let detail = format!(
                "this secret, reference or path stays only while all stays that says where it goes, and another is: {}; give its value anew, give them as they are shown, or change the file",
                changed.join(", ")
            );
            objections.extend(kept.into_iter().map(|pointer| Objection { pointer, detail: detail.clone() }));
        }
    }
    if objections.is_empty() { Ok(Written(taken)) } else { Err(objections) }
}

/// Where in a definition a table stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Definition,
    Parameters,
    Other,
}

/// A value as it is stored, and as it is shown.
type Former<T> = Option<(T, T)>;

struct Taking<'d> {
    declaration: &'d Declaration,
    /// Pointers of what stays without having been given.
    kept: Vec<String>,
    /// Pointers of what was given in full where something with a secret in it is stored.
    told: Vec<String>,
    objections: Vec<Objection>,
}

impl Taking<'_> {
    fn table(
        &mut self,
        pointer: &str,
        given: &Map<String, Value>,
        former: Former<&Map<String, Value>>,
        within: Within,
    ) -> Map<String, Value> {
        let mut taken = Map::new();
        for (name, value) in given {
            let pointer = format!("{pointer}{}", token(name));
            let former = former.and_then(|(stored, shown)| Some((stored.get(name)?, shown.get(name)?)));
            let inner = match within {
                Within::Definition if name == "parameters" => Within::Parameters,
                _ => Within::Other,
            };
            let is_path = within == Within::Parameters && self.is_path(name);
            taken.insert(name.clone(), self.value(&pointer, value, former, inner, is_path));
        }
        taken
    }

    fn value(
        &mut self,
        pointer: &str,
        given: &Value,
        former: Former<&Value>,
        within: Within,
        is_path: bool,
    ) -> Value {
        let stored = former.map(|(stored, _)| stored);
        if let Some((stored, shown)) = former {
            let is_kept = is_reference(stored) && (given == stored || given == CENSORED);
            let is_kept = is_kept || (is_path && given == stored);
            if is_kept || (given == shown && given != stored && !shown.is_object()) {
                self.kept.push(pointer.to_owned());
                return stored.clone();
            }
            if stored != shown && given != shown && !given.is_object() {
                self.told.push(pointer.to_owned());
            }
        }
        match given {
            // The same value as is stored was known to whoever gives it.
            Value::String(_) if Some(given) == stored => {}
            Value::String(text) if text.contains(CENSORED) => {
                let what = format!(
                    "{CENSORED} stands for no secret that is stored at this place in this form; give the value itself"
                );
                self.object(pointer, what);
            }
            _ if is_reference(given) => {
                let what = "a new reference to the environment or to a file can't be made here; give the value itself, or write the reference into the file";
                self.object(pointer, what);
            }
            _ if is_path => {
                let what = "a new path can't be given here: whoever may change definitions is not to read files by that; write it into the file";
                self.object(pointer, what);
            }
            Value::Null => self.object(pointer, "must not be null; leave it out"),
            Value::Number(number) if !number.is_i64() && !number.is_u64() && !is_exact(given) => {
                self.object(pointer, "is a number that JSON does not keep exactly; write it as a string");
            }
            Value::Object(table) => {
                let former =
                    former.and_then(|(stored, shown)| Some((stored.as_object()?, shown.as_object()?)));
                return Value::Object(self.table(pointer, table, former, within));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(at, item)| {
                    self.value(&format!("{pointer}/{at}"), item, None, Within::Other, false)
                });
                return items.collect();
            }
            _ => {}
        }
        given.clone()
    }

    fn is_path(&self, name: &str) -> bool {
        let reads = |parameter: &Parameter| parameter.kind == Kind::Path || parameter.read_at_create;
        self.declaration.parameter_called(name).is_some_and(reads)
    }

    fn object(&mut self, pointer: &str, detail: impl Into<String>) {
        self.objections.push(Objection { pointer: pointer.to_owned(), detail: detail.into() });
    }
}

fn is_exact(number: &Value) -> bool {
    number.as_f64().is_some_and(|number| number.abs() < EXACT)
}

/// Names of all that has a say in where a definition sends things, and is not the same in both.
fn changed(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    told: &[String],
    declaration: &Declaration,
) -> Vec<String> {
    let mut changed = Vec::new();
    if !is_same(before.get("provider"), after.get("provider")) {
        changed.push("provider".to_owned());
    }
    for section in SECTIONS {
        let (before, after) = (table(before, section), table(after, section));
        let added = after.keys().filter(|name| !before.contains_key(*name));
        for name in before.keys().chain(added) {
            let (old, new) = (before.get(name), after.get(name));
            let pointer = format!("/{section}{}", token(name));
            let is_told = told.iter().any(|told| {
                told.strip_prefix(&pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if (is_told || !is_same(old, new)) && !is_harmless(section, name, [old, new], declaration) {
                changed.push(name.clone());
            }
        }
    }
    changed
}

fn table(definition: &Map<String, Value>, section: &str) -> Map<String, Value> {
    definition.get(section).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// `5` and `"5"` are the same.
fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    let text = |value: Option<&Value>| value.and_then(scalar_text);
    one == other || (text(one).is_some() && text(one) == text(other))
}

fn is_harmless(section: &str, name: &str, values: [Option<&Value>; 2], declaration: &Declaration) -> bool {
    let declared = match section {
        "parameters" => declaration.parameter_called(name).is_some_and(|parameter| parameter.harmless),
        _ => declaration.harmless_fields,
    };
    // `Host` and its like have a request served as another's.
    let routes = section == "headers"
        && ["HOST", "FORWARDED"].iter().any(|word| name.to_ascii_uppercase().contains(word));
    declared && !routes && !values.into_iter().flatten().any(holds_url)
}

fn holds_url(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let begin = text.trim_start();
            text.contains("://")
                || ["//", "\\\\", "http:", "https:"].iter().any(|mark| begin.starts_with(mark))
        }
        Value::Object(table) => table.values().any(holds_url),
        Value::Array(items) => items.iter().any(holds_url),
        _ => false,
    }
}

//! `[routes.*]`

use super::{
    document::{Entry, Table},
    name::{self, Names},
    reader::Reader,
};

const KNOWN: [&str; 4] = ["gateways", "strategy", "weights", "match"];

/// The route that is taken when a message names nothing and no other fits.
const DEFAULT: &str = "default";

const LARGEST_WEIGHT: u64 = 1_000_000;

/// Checks the routes; their names.
pub(super) fn routes(entry: Option<&Entry<'_>>, gateways: &Names, reader: &mut Reader<'_>) -> Names {
    let mut names = Names::new("route");
    let Some(entry) = entry else { return names };
    let Some(routes) = entry.table(&mut reader.problems) else {
        names.complete = false;
        return names;
    };
    for entry in routes.entries() {
        names.defined.insert(entry.name.to_owned(), entry.location.clone());
        reader.not_built(&entry, |reader| {
            if !name::is_name(entry.name) {
                reader.refuse(&entry, format!("{:?} is no route name", entry.name), name::FORM);
            }
            if let Some(table) = entry.table(&mut reader.problems) {
                route(&entry, &table, gateways, reader);
            }
        });
    }
    names
}

fn route(entry: &Entry<'_>, table: &Table<'_>, gateways: &Names, reader: &mut Reader<'_>) {
    table.unknown(&KNOWN, &mut reader.problems);
    let own = match table.get("gateways") {
        Some(entry) => own_gateways(&entry, gateways, reader),
        None => {
            if !table.misspells("gateways", &KNOWN) {
                let mend = "list its gateways in order of preference, such as gateways = [\"a\", \"b\"]";
                reader.problems.push(table.missing("gateways", mend));
            }
            None
        }
    };
    weights(table, own.as_ref(), reader);
    if let Some(condition) = table.get("match") {
        if entry.name == DEFAULT {
            let what = "the default route has no match: it is taken when no other fits";
            reader.refuse(&condition, what, "remove it, or rename the route");
        } else {
            matching(&condition, reader);
        }
    }
}

/// The gateways of the route, if each is one.
fn own_gateways(entry: &Entry<'_>, gateways: &Names, reader: &mut Reader<'_>) -> Option<Names> {
    if entry.is_empty_list() {
        reader.refuse(entry, "a route needs a gateway", "name one, or remove the route");
        return None;
    }
    let listed = gateways.listed(entry, reader)?;
    let own = listed.into_iter().map(|(entry, name)| (name, entry.location));
    Some(gateways.some(own.collect(), " in this route"))
}

fn weights(table: &Table<'_>, own: Option<&Names>, reader: &mut Reader<'_>) {
    let given = table.get("strategy");
    let strategy = given.as_ref().map(|entry| reader.choice(entry, &["failover", "round-robin", "weighted"]));
    let Some(entry) = table.get("weights") else {
        if strategy == Some(Some("weighted")) && !table.misspells("weights", &KNOWN) {
            let mend = "say how much each gateway gets, such as weights = { a = 3, b = 1 }";
            reader.problems.push(table.missing("weights", mend));
        }
        return;
    };
    let other = match strategy {
        Some(strategy) => strategy.is_some_and(|strategy| strategy != "weighted"),
        None => !table.misspells("strategy", &KNOWN),
    };
    if other {
        let what = "weights count for the strategy \"weighted\" alone";
        reader.refuse(&entry, what, "write strategy = \"weighted\", or remove them");
        return;
    }
    let Some(weights) = entry.table(&mut reader.problems) else { return };
    for entry in weights.entries() {
        if own.is_none_or(|own| own.knows(&entry, entry.name, reader)) {
            reader.integer(&entry, 0..=LARGEST_WEIGHT);
        }
    }
}

fn matching(entry: &Entry<'_>, reader: &mut Reader<'_>) {
    let Some(table) = entry.table(&mut reader.problems) else { return };
    let known = ["prefix", "tag"];
    table.unknown(&known, &mut reader.problems);
    if table.entries().next().is_none() {
        reader.refuse(entry, "matches nothing", "write prefix or tag into it, or remove it");
    }
    for entry in known.into_iter().filter_map(|name| table.get(name)) {
        if entry.is_empty_list() {
            reader.refuse(&entry, "matches nothing", "write something into the list, or remove it");
            continue;
        }
        for (item, text) in reader.strings(&entry).unwrap_or_default() {
            if text.is_empty() {
                reader.refuse(&item, "must not be empty", "remove it from the list");
            }
        }
    }
}

//! `[routes.*]`

use super::{
    Match, Route, Strategy,
    document::{Entry, Table},
    name::{self, Names},
    reader::Reader,
};
use std::collections::BTreeMap;

const KNOWN: [&str; 4] = ["gateways", "strategy", "weights", "match"];

/// The route that is taken when a message names nothing and no other fits.
const DEFAULT: &str = "default";

const LARGEST_WEIGHT: u64 = 1_000_000;

/// The routes, and the names of all of them.
pub(super) fn routes(
    entry: Option<&Entry<'_>>,
    gateways: &Names,
    reader: &mut Reader<'_>,
) -> (Names, Vec<Route>) {
    let mut found = Vec::new();
    let mut names = Names::new("route");
    let Some(entry) = entry else { return (names, found) };
    let Some(routes) = entry.table(&mut reader.problems) else {
        names.complete = false;
        return (names, found);
    };
    for entry in routes.entries() {
        names.defined.insert(entry.name.to_owned(), entry.location.clone());
        if !name::is_name(entry.name) {
            reader.refuse(&entry, format!("{:?} is no route name", entry.name), name::FORM);
        }
        if let Some(table) = entry.table(&mut reader.problems) {
            found.extend(route(&entry, &table, gateways, reader));
        }
    }
    (names, found)
}

fn route(entry: &Entry<'_>, table: &Table<'_>, gateways: &Names, reader: &mut Reader<'_>) -> Option<Route> {
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
    let strategy = strategy(table, own.as_deref(), gateways, reader);
    let mut matches = None;
    if let Some(condition) = table.get("match") {
        if entry.name == DEFAULT {
            let what = "the default route has no match: it is taken when no other fits";
            reader.refuse(&condition, what, "remove it, or rename the route");
        } else {
            matches = matching(&condition, reader);
        }
    }
    Some(Route { name: entry.name.to_owned(), gateways: own?, strategy: strategy?, matching: matches })
}

/// The gateways of the route, if each is one.
fn own_gateways(entry: &Entry<'_>, gateways: &Names, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    if entry.is_empty_list() {
        reader.refuse(entry, "a route needs a gateway", "name one, or remove the route");
        return None;
    }
    let listed = gateways.listed(entry, reader)?;
    Some(listed.into_iter().map(|(_, name)| name).collect())
}

fn strategy(
    table: &Table<'_>,
    own: Option<&[String]>,
    gateways: &Names,
    reader: &mut Reader<'_>,
) -> Option<Strategy> {
    let given = table.get("strategy");
    let chosen = given.as_ref().map(|entry| reader.choice(entry, &["failover", "round-robin", "weighted"]));
    let Some(entry) = table.get("weights") else {
        return match chosen {
            None | Some(Some("failover")) => Some(Strategy::Failover),
            Some(Some("round-robin")) => Some(Strategy::RoundRobin),
            Some(Some(_)) => {
                if !table.misspells("weights", &KNOWN) {
                    let mend = "say how much each gateway gets, such as weights = { a = 3, b = 1 }";
                    reader.problems.push(table.missing("weights", mend));
                }
                None
            }
            Some(None) => None,
        };
    };
    let other = match chosen {
        Some(chosen) => chosen.is_some_and(|chosen| chosen != "weighted"),
        None => !table.misspells("strategy", &KNOWN),
    };
    if other {
        let what = "weights count for the strategy \"weighted\" alone";
        reader.refuse(&entry, what, "write strategy = \"weighted\", or remove them");
        return None;
    }
    let weights = entry.table(&mut reader.problems)?;
    let names = own.map(|own| {
        let defined = own.iter().filter_map(|name| Some((name.clone(), gateways.defined.get(name)?.clone())));
        gateways.some(defined.collect(), " in this route")
    });
    let mut given = BTreeMap::new();
    for entry in weights.entries() {
        if names.as_ref().is_none_or(|names| names.knows(&entry, entry.name, reader))
            && let Some(weight) = reader.integer(&entry, 0..=LARGEST_WEIGHT)
        {
            given.insert(entry.name.to_owned(), weight);
        }
    }
    // One that is not weighed counts as much as the least can.
    Some(Strategy::Weighted(own?.iter().map(|name| given.get(name).copied().unwrap_or(1)).collect()))
}

fn matching(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Match> {
    let table = entry.table(&mut reader.problems)?;
    table.unknown(&["prefix", "tag"], &mut reader.problems);
    if table.entries().next().is_none() {
        reader.refuse(entry, "matches nothing", "write prefix or tag into it, or remove it");
    }
    let prefix = wanted(table.get("prefix"), reader);
    Some(Match { prefix, tag: wanted(table.get("tag"), reader) })
}

fn wanted(entry: Option<Entry<'_>>, reader: &mut Reader<'_>) -> Vec<String> {
    let Some(entry) = entry else { return Vec::new() };
    if entry.is_empty_list() {
        reader.refuse(&entry, "matches nothing", "write something into the list, or remove it");
        return Vec::new();
    }
    let listed = reader.strings(&entry).unwrap_or_default();
    for (item, _) in listed.iter().filter(|(_, text)| text.is_empty()) {
        reader.refuse(item, "must not be empty", "remove it from the list");
    }
    listed.into_iter().map(|(_, text)| text).collect()
}

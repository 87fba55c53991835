//! The tables of all files, put together to one configuration.

use super::{
    Config, ConfigProblem, Doubts, Draft, Gateway, Location, Plugins, Webhooks,
    api_keys::{self, References},
    document::{Source, Table},
    gateways,
    name::Names,
    plugins,
    providers::{self, ProviderSettings},
    reader::{Environment, Reader},
    routes, server,
    smtp_servers::{self, SmtpServers},
    store, telemetry, webhooks,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

const KNOWN: [&str; 11] = [
    "server",
    "store",
    "plugins",
    "provider",
    "smtp_servers",
    "gateways",
    "routes",
    "webhooks",
    "inbound",
    "telemetry",
    "api_keys",
];

/// What gateways refer to.
struct Shared {
    /// `None` where they could not be read.
    providers: Option<BTreeMap<String, Option<ProviderSettings>>>,
    smtp_servers: SmtpServers,
    /// Whether there may be further SMTP servers, in what could not be read.
    more_smtp_servers: bool,
}

/// Puts a configuration together out of `file`, the first of `texts`, and the files of `gateways.d`, which are all there are if
/// `all_read`.
pub(super) fn assemble(
    file: &Path,
    texts: &[(PathBuf, String)],
    all_read: bool,
    environment: Environment<'_>,
) -> Draft {
    let mut reader = Reader::new(environment);
    let directory = file.parent().unwrap_or(Path::new(""));
    let top = || Location { file: Arc::new(file.to_owned()), line: 1 };
    let mut config = Config {
        file: file.to_owned(),
        server: server::server(None, top(), &mut reader),
        store: store::store(None, directory, top(), &mut reader),
        plugins: Plugins::default(),
        settings: Vec::new(),
        gateways: Vec::new(),
        routes: Vec::new(),
        webhooks: Webhooks::default(),
        inbound: None,
        telemetry: telemetry::telemetry(None, top(), &mut reader),
        api_keys: Vec::new(),
        warnings: Vec::new(),
    };
    let sources = texts.iter().map(|(path, text)| Source::new(Arc::new(path.clone()), text));
    let sources = sources.collect::<Vec<_>>();
    let parsed = sources.iter().map(|source| source.parse().map_err(|found| reader.problems.extend(found)));
    let parsed = parsed.map(Result::ok).collect::<Vec<_>>();
    let tops = sources
        .iter()
        .zip(&parsed)
        .map(|(source, table)| table.as_ref().map(|table| Table::top(source, table)));
    let tops = tops.collect::<Vec<_>>();
    let complete = all_read && tops.iter().all(Option::is_some);

    let mut shared = Shared {
        providers: Some(BTreeMap::new()),
        smtp_servers: SmtpServers::new(),
        more_smtp_servers: !complete,
    };
    let mut names = Names::new("gateway");
    names.complete = complete;
    for (number, top) in tops.iter().enumerate() {
        let Some(top) = top else { continue };
        top.unknown(&KNOWN, &mut reader.problems);
        if number > 0 {
            refuse_misplaced(top, &mut reader);
        }
        gateways_of(top, &mut config.gateways, &mut names, &mut shared, &mut reader);
    }
    let doubts = match tops.first() {
        Some(Some(main)) => main_tables(main, directory, &mut config, &mut shared, &names, &mut reader),
        Some(None) => Doubts { pins: true, dirs: true },
        None => Doubts::default(),
    };
    for gateway in &mut config.gateways {
        connect(gateway, &shared);
        // What references in the provider's settings led to belongs to nobody in particular.
        gateway.referenced.extend(reader.secrets.iter().cloned());
    }
    config.warnings.append(&mut reader.warnings);
    Draft { config, problems: reader.problems, doubts }
}

/// Any file may define gateways, and the SMTP servers that they name.
fn gateways_of(
    top: &Table<'_>,
    gateways: &mut Vec<Gateway>,
    names: &mut Names,
    shared: &mut Shared,
    reader: &mut Reader<'_>,
) {
    names.complete &= !top.misspells("gateways", &KNOWN);
    if let Some(entry) = top.get("gateways") {
        gateways::gateways(&entry, reader, gateways, names);
    }
    shared.more_smtp_servers |= top.misspells("smtp_servers", &KNOWN);
    if let Some(entry) = top.get("smtp_servers") {
        shared.more_smtp_servers |= entry.as_table().is_none();
        smtp_servers::smtp_servers(&entry, reader, &mut shared.smtp_servers);
    }
}

fn refuse_misplaced(top: &Table<'_>, reader: &mut Reader<'_>) {
    let shared = ["gateways", "smtp_servers"];
    for entry in top.entries().filter(|entry| KNOWN.contains(&entry.name) && !shared.contains(&entry.name)) {
        reader.refuse(&entry, "does not belong into a file of gateways.d", "move it to gatepost.toml");
    }
}

/// What only `gatepost.toml` may hold.
fn main_tables(
    top: &Table<'_>,
    directory: &Path,
    config: &mut Config,
    shared: &mut Shared,
    gateways: &Names,
    reader: &mut Reader<'_>,
) -> Doubts {
    let table = |name: &str, reader: &mut Reader<'_>| {
        top.get(name).and_then(|entry| entry.table(&mut reader.problems))
    };
    let server_table = table("server", reader);
    config.server = server::server(server_table.as_ref(), top.location.clone(), reader);
    let store_table = table("store", reader);
    config.store = store::store(store_table.as_ref(), directory, top.location.clone(), reader);
    let telemetry_table = table("telemetry", reader);
    config.telemetry = telemetry::telemetry(telemetry_table.as_ref(), top.location.clone(), reader);
    let (plugins, mut doubts) = plugins::plugins(top.get("plugins").as_ref(), directory, reader);
    config.plugins = plugins;
    if top.misspells("plugins", &KNOWN) {
        doubts = Doubts { pins: true, dirs: true };
    }
    if let Some(entry) = top.get("provider") {
        shared.providers = providers::providers(&entry, reader);
        let tables = entry.as_table().into_iter().flat_map(|table| table.entries());
        config.settings = tables.map(|entry| (entry.name.to_owned(), entry.location)).collect();
    } else if top.misspells("provider", &KNOWN) {
        shared.providers = None;
    }
    let (mut routes, found) = routes::routes(top.get("routes").as_ref(), gateways, reader);
    config.routes = found;
    routes.complete &= !top.misspells("routes", &KNOWN);
    let (webhooks, inbound) = (top.get("webhooks"), top.get("inbound"));
    let certain = !top.misspells("webhooks", &KNOWN) && !top.misspells("inbound", &KNOWN);
    let callbacks = webhooks::callbacks(webhooks.as_ref(), inbound.as_ref(), certain, reader);
    if let Some(entry) = top.get("api_keys") {
        let origins = callbacks.origins_known.then_some(&callbacks.webhooks.allow);
        let references = References { gateways, routes: &routes, origins };
        config.api_keys = api_keys::api_keys(&entry, &references, reader);
    }
    (config.webhooks, config.inbound) = (callbacks.webhooks, callbacks.inbound);
    keys_or_loopback(top, server_table.as_ref(), config, reader);
    doubts
}

/// Without any key only this machine may send.
fn keys_or_loopback(top: &Table<'_>, server: Option<&Table<'_>>, config: &Config, reader: &mut Reader<'_>) {
    let keys = top.get("api_keys");
    let without_keys = keys.is_none_or(|entry| entry.items().is_some_and(|items| items.is_empty()));
    if !without_keys || top.misspells("api_keys", &KNOWN) {
        return;
    }
    let listen = server.and_then(|server| server.get("listen"));
    let place = listen.map_or_else(|| top.location.clone(), |entry| entry.location);
    if config.server.listen.ip().is_loopback() {
        let what = "there is no API key: every program on this machine may send and read messages";
        reader.warnings.push(problem_at(
            place,
            "api_keys",
            what,
            "add an [[api_keys]] entry, as `gatepost api-key new NAME` prints it",
        ));
    } else {
        let what = "listens beyond this machine, and there is no API key: anybody could send";
        let mend =
            "add an [[api_keys]] entry, as `gatepost api-key new NAME` prints it, or listen on 127.0.0.1";
        reader.problems.push(problem_at(place, "server.listen", what, mend));
    }
}

fn problem_at(location: Location, key: &str, what: &str, mend: &str) -> ConfigProblem {
    ConfigProblem { location, key: key.into(), what: what.into(), mend: mend.into() }
}

/// Gives the gateway what its definition refers to.
fn connect(gateway: &mut Gateway, shared: &Shared) {
    match &shared.providers {
        None => gateway.add_settings(None),
        Some(providers) => {
            if let Some(provider) = providers.get(&gateway.provider) {
                gateway.add_settings(provider.as_ref());
            }
        }
    }
    gateway.add_smtp_servers(&shared.smtp_servers, shared.more_smtp_servers);
}

//! The files of a configuration: `gatepost.toml`, and `gateways.d/*.toml` beside it.

use super::{
    Config, ConfigProblem, Location, api_keys,
    document::{Entry, Source, Table},
    gateways, plugins,
    providers::{self, ProviderSettings},
    reader::{Environment, Reader},
    server, smtp_servers, store,
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file can't be read.
    #[error("{}: the configuration can't be read: {source}; make it readable, or name another with --config", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error(transparent)]
    Wrong(ConfigProblems),
}

/// Everything that is wrong, in the order of files and lines.
#[derive(Debug)]
pub struct ConfigProblems(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}

const MAIN: [&str; 9] =
    ["server", "store", "plugins", "provider", "smtp_servers", "gateways", "routes", "webhooks", "inbound"];

impl Config {
    /// The configuration of a host that says nothing: every default, no gateway.
    pub fn empty() -> Self {
        let nothing = |_: &str| None;
        build(Path::new(""), Path::new(""), &[], &mut Reader::new(&nothing))
    }

    /// Reads `path` and the gateway files beside it. References read `environment`.
    ///
    /// # Errors
    /// A file can't be read, or everything that is wrong in all of them at once.
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<Self, LoadError> {
        let file = std::path::absolute(path)
            .map_err(|source| LoadError::Unreadable { file: path.into(), source })?;
        let directory = file.parent().map(PathBuf::from).unwrap_or_default();
        let mut texts = vec![(file.clone(), read(&file)?)];
        for file in gateway_files(&directory.join("gateways.d"))? {
            let text = read(&file)?;
            texts.push((file, text));
        }
        let mut reader = Reader::new(environment);
        let config = build(&file, &directory, &texts, &mut reader);
        if reader.problems.is_empty() {
            return Ok(config);
        }
        let mut problems = reader.problems;
        problems.sort_by(|one, other| one.location.cmp(&other.location));
        Err(LoadError::Wrong(ConfigProblems(problems)))
    }
}

fn read(file: &Path) -> Result<String, LoadError> {
    fs::read_to_string(file).map_err(|source| LoadError::Unreadable { file: file.into(), source })
}

/// In lexical order. Hidden files and what editors leave behind do not end in `.toml`, or begin with a dot.
fn gateway_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unreadable = |source| LoadError::Unreadable { file: folder.into(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What the files have in common.
#[derive(Default)]
struct Common {
    providers: BTreeMap<String, ProviderSettings>,
    smtp_servers: Map<String, Value>,
}

fn build(file: &Path, directory: &Path, texts: &[(PathBuf, String)], reader: &mut Reader<'_>) -> Config {
    let mut config = Config {
        file: file.to_owned(),
        server: server::server(None, reader),
        store: store::store(None, directory, reader),
        plugins: super::Plugins::default(),
        gateways: Vec::new(),
        api_keys: Vec::new(),
        warnings: Vec::new(),
    };
    let mut common = Common::default();
    for (number, (path, text)) in texts.iter().enumerate() {
        let source = Source::new(Arc::new(path.clone()), text);
        match source.parse() {
            Err(problems) => reader.problems.extend(problems),
            Ok(table) => {
                let top = Table::top(&source, &table);
                if number == 0 {
                    main_file(&top, directory, &mut config, &mut common, reader);
                } else {
                    gateway_file(&top, &mut config, &mut common, reader);
                }
            }
        }
    }
    for gateway in &mut config.gateways {
        if let Some(provider) = common.providers.get(&gateway.provider) {
            gateway.add_settings(provider);
        }
        gateway.add_smtp_servers(&common.smtp_servers);
        // What references in the provider's settings led to belongs to nobody in particular.
        gateway.referenced.extend(reader.secrets.iter().cloned());
    }
    config.warnings.append(&mut reader.warnings);
    config
}

fn main_file(
    top: &Table<'_>,
    directory: &Path,
    config: &mut Config,
    common: &mut Common,
    reader: &mut Reader<'_>,
) {
    let known = MAIN.into_iter().chain(["api_keys"]).collect::<Vec<_>>();
    top.unknown(&known, &mut reader.problems);
    let table = |name: &str, reader: &mut Reader<'_>| {
        top.get(name).and_then(|entry| entry.table(&mut reader.problems))
    };
    let server_table = table("server", reader);
    config.server = server::server(server_table.as_ref(), reader);
    let store_table = table("store", reader);
    config.store = store::store(store_table.as_ref(), directory, reader);
    let plugins_table = table("plugins", reader);
    config.plugins = plugins::plugins(plugins_table.as_ref(), directory, reader);
    let with = |name: &str| top.get(name);
    if let Some(entry) = with("provider") {
        common.providers = providers::providers(&entry, reader);
    }
    if let Some(entry) = with("smtp_servers") {
        smtp_servers::smtp_servers(&entry, reader, &mut common.smtp_servers);
    }
    if let Some(entry) = with("gateways") {
        gateways::gateways(&entry, reader, &mut config.gateways);
    }
    for entry in ["routes", "webhooks", "inbound"].into_iter().filter_map(with) {
        reader.not_available(&entry);
    }
    let keys = with("api_keys");
    if let Some(entry) = &keys {
        config.api_keys = api_keys::api_keys(entry, reader);
    }
    let listen = server_table.and_then(|server| server.get("listen"));
    let without_keys = keys.is_none_or(|entry| entry.items().is_some_and(|items| items.is_empty()));
    if without_keys && !config.server.listen.ip().is_loopback() {
        let what = "listens beyond this machine, and there is no API key: anybody could send";
        let mend = "add an [[api_keys]] entry, or listen on 127.0.0.1";
        match listen {
            Some(entry) => reader.refuse(&entry, what, mend),
            None => reader.problems.push(problem_at(top.location.clone(), "server.listen", what, mend)),
        }
    } else if without_keys {
        let place = listen.map_or_else(|| top.location.clone(), |entry: Entry<'_>| entry.location);
        let what = "there is no API key: every program on this machine may send and read messages";
        reader.warnings.push(problem_at(place, "api_keys", what, "add an [[api_keys]] entry"));
    }
}

fn problem_at(location: Location, key: &str, what: &str, mend: &str) -> ConfigProblem {
    ConfigProblem { location, key: key.into(), what: what.into(), mend: mend.into() }
}

fn gateway_file(top: &Table<'_>, config: &mut Config, common: &mut Common, reader: &mut Reader<'_>) {
    for entry in top.entries() {
        match entry.name {
            "gateways" => gateways::gateways(&entry, reader, &mut config.gateways),
            "smtp_servers" => smtp_servers::smtp_servers(&entry, reader, &mut common.smtp_servers),
            name if MAIN.contains(&name) || name == "api_keys" => {
                reader.refuse(
                    &entry,
                    "does not belong into a file of gateways.d",
                    "move it to gatepost.toml",
                );
            }
            _ => {}
        }
    }
    let known = MAIN.into_iter().chain(["api_keys"]).collect::<Vec<_>>();
    top.unknown(&known, &mut reader.problems);
}

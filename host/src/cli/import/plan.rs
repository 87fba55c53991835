//! Which definitions of an export are taken over, under which name, and why the others are not.

use super::{
    export::Export,
    folder::{Folder, SMTP_SERVERS},
    gateway::{self, Draft},
    modules::Module,
    names::{self, Variables},
    report::{Entry, Kind, Need, Note},
    servers::Server,
    trial::{self, Saying},
};
use crate::{
    config::writing::{Document, Given},
    plugin::Registry,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// A definition of the export.
#[derive(Debug)]
struct Item<T> {
    theirs: String,
    name: String,
    provider: Option<&'static str>,
    notes: Vec<Note>,
    taken: Result<T, String>,
}

/// A gateway that is taken over.
#[derive(Debug)]
struct Gateway {
    draft: Draft,
    file: PathBuf,
    text: String,
    /// What its provider says of the file that it names.
    of_file: Option<String>,
}

/// What becomes of an export.
#[derive(Debug)]
pub(super) struct Plan {
    servers: Vec<Item<Server>>,
    server_file: Option<PathBuf>,
    gateways: Vec<Item<Gateway>>,
}

impl Plan {
    /// Takes over what can be. Blocks.
    ///
    /// # Errors
    /// There is no room to try the definitions.
    pub(super) fn new(export: &Export, registry: &Registry, folder: &Folder) -> io::Result<Self> {
        let mut variables = Variables::default();
        let file = folder.server_file();
        let mut server = |name: &String, server: &Value| {
            let taken = file.clone().and_then(|file| match folder.smtp_server_elsewhere(name, &file) {
                Some(other) => Err(format!("it is defined in {} already", other.display())),
                None => Server::new(name, server, &mut variables),
            });
            let mut taken =
                Item { theirs: name.clone(), name: name.clone(), provider: None, notes: Vec::new(), taken };
            if let Ok(server) = &mut taken.taken {
                taken.notes.append(&mut server.notes);
            }
            taken
        };
        let servers = export.smtp_servers.iter().map(|(name, value)| server(name, value)).collect();
        let mut plan = Self { servers, server_file: file.ok(), gateways: Vec::new() };
        plan.try_servers(registry)?;
        plan.keep_servers(folder);
        for (theirs, value) in &export.gateways {
            let item = plan.gateway(theirs, value, registry, folder, &mut variables)?;
            plan.gateways.push(item);
        }
        Ok(plan)
    }

    /// Leaves out those that the configuration would refuse.
    fn try_servers(&mut self, registry: &Registry) -> io::Result<()> {
        for item in &mut self.servers {
            let Ok(server) = &item.taken else { continue };
            let mut file = Document::default();
            server.write(&item.name, &mut file);
            let said = trial::try_out([(SMTP_SERVERS, file.into_text())], registry)?;
            if let Some(problem) = said.iter().find(|said| !said.is_warning) {
                item.taken =
                    Err(words(&problem.key.replacen(&format!("{}.", item.name), "", 1), &problem.text));
            }
        }
        Ok(())
    }

    /// Takes over no server where one that stands in their file would go: gateways that are there may name it.
    fn keep_servers(&mut self, folder: &Folder) {
        let Some(file) = &self.server_file else { return };
        let Some(kept) = folder.smtp_servers_of(file).find(|name| self.server(name).is_none()) else {
            return;
        };
        let reason = format!(
            "{} holds the SMTP server {kept} too, which is not taken over, so it is not replaced; move that into a file of its own",
            file.display()
        );
        self.leave_servers(&reason);
    }

    fn leave_servers(&mut self, reason: &str) {
        for item in self.servers.iter_mut().filter(|item| item.taken.is_ok()) {
            item.taken = Err(reason.to_owned());
        }
    }

    fn server_text(&self) -> Option<String> {
        let mut file = Document::new("Taken over from privacyIDEA");
        let taken = self.servers.iter().filter_map(|item| Some((&item.name, item.taken.as_ref().ok()?)));
        let mut empty = true;
        for (name, server) in taken {
            server.write(name, &mut file);
            empty = false;
        }
        (!empty).then(|| file.into_text())
    }

    fn gateway(
        &self,
        theirs: &str,
        value: &Value,
        registry: &Registry,
        folder: &Folder,
        variables: &mut Variables,
    ) -> io::Result<Item<Gateway>> {
        let name = names::gateway(theirs);
        let mut notes = Vec::new();
        if name != theirs {
            notes.push(Note::new(Kind::Renamed, "", format!("is called {name} here")));
        }
        let mut item =
            Item { theirs: theirs.to_owned(), name, provider: None, notes, taken: Err(String::new()) };
        let drafted = gateway::module(value).and_then(|module| {
            item.provider = Some(module.provider);
            self.draft(module, value, &item.name, registry, folder, variables)
        });
        item.taken = match drafted {
            Err(reason) => Err(reason),
            Ok((mut draft, file)) => {
                item.notes.append(&mut draft.notes);
                let text = draft.file(&item.name, theirs);
                let files = self.server_text().map(|text| (SMTP_SERVERS, text));
                let said = trial::try_out(files.into_iter().chain([(&*item.name, text.clone())]), registry)?;
                let known =
                    draft.parameter("SMTPIDENTIFIER").is_some_and(|server| self.server(server).is_none());
                judge(said, &draft, known, &mut item).map(|of_file| Gateway { draft, file, text, of_file })
            }
        };
        Ok(item)
    }

    fn draft(
        &self,
        module: &'static Module,
        value: &Value,
        name: &str,
        registry: &Registry,
        folder: &Folder,
        variables: &mut Variables,
    ) -> Result<(Draft, PathBuf), String> {
        let library = registry.provider(module.provider).map_err(|refusal| refusal.to_string())?;
        if let Some(other) = self.gateways.iter().find(|item| item.taken.is_ok() && item.name == name) {
            return Err(format!("it becomes {name} here, as {} does; rename one of the two", other.theirs));
        }
        if name == SMTP_SERVERS && self.server_text().is_some() {
            return Err(format!("{name}.toml holds the SMTP servers; rename it"));
        }
        let file = folder.file(name)?;
        if let Some(other) = folder.gateway_elsewhere(name, &file) {
            return Err(format!(
                "there is a gateway {name} in {} already; rename one of the two",
                other.display()
            ));
        }
        let draft = Draft::new(module, &library.declaration, value, name, variables)?;
        if let Some(server) = draft.parameter("SMTPIDENTIFIER")
            && self.server(server).is_none()
            // Whatever stands in a file stays there.
            && !folder.has_smtp_server(server)
        {
            let left_out = self.servers.iter().any(|item| item.theirs == server);
            return Err(match left_out {
                true => without_server(server),
                false => format!(
                    "there is no SMTP server {server} in the export; export them too, with `--types smtpserver`"
                ),
            });
        }
        Ok((draft, file))
    }

    fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|item| item.name == name)?.taken.as_ref().ok()
    }

    /// Writes the files. What can't be written is left out, and so is what needs it.
    pub(super) fn write(&mut self, folder: &Folder) {
        if let (Some(text), Some(file)) = (self.server_text(), &self.server_file)
            && let Err(error) = folder.write(file, &text)
        {
            let reason = unwritten(file, &error);
            self.leave_gateways_of_servers();
            self.leave_servers(&reason);
        }
        for item in &mut self.gateways {
            let Ok(gateway) = &item.taken else { continue };
            if let Err(error) = folder.write(&gateway.file, &gateway.text) {
                item.taken = Err(unwritten(&gateway.file, &error));
            }
        }
    }

    fn leave_gateways_of_servers(&mut self) {
        for item in &mut self.gateways {
            let named =
                item.taken.as_ref().ok().and_then(|gateway| gateway.draft.parameter("SMTPIDENTIFIER"));
            let is_taken = |server: &Item<Server>| server.taken.is_ok() && Some(&*server.name) == named;
            if let Some(server) = self.servers.iter().find(|server| is_taken(server)) {
                item.taken = Err(without_server(&server.name));
            }
        }
    }

    /// The environment variables that have to be set.
    pub(super) fn environment(&self) -> Vec<Need> {
        let servers = self.servers.iter().filter_map(|item| Some((item, item.taken.as_ref().ok()?)));
        let of_servers = servers.flat_map(|(item, server)| {
            server.keys.iter().filter_map(move |(key, given)| match given {
                Given::Env(name) => {
                    Some(Need { name: name.clone(), what: format!("{key} of the SMTP server {}", item.name) })
                }
                _ => None,
            })
        });
        let gateways = self.taken_gateways().flat_map(|(item, gateway)| {
            gateway.draft.variables().map(move |(name, key)| Need {
                name: name.to_owned(),
                what: format!("{key} of the gateway {}", item.name),
            })
        });
        of_servers.chain(gateways).collect()
    }

    /// The files that have to be there. `scripts` is the folder of the scripts.
    pub(super) fn files(&self, folder: &Folder, scripts: &Path) -> Vec<Need> {
        let mut files: BTreeMap<PathBuf, (Vec<&str>, Option<&str>)> = BTreeMap::new();
        for (item, gateway) in self.taken_gateways() {
            let file = gateway.draft.module.file.and_then(|key| gateway.draft.parameter(key));
            let Some(file) = file else { continue };
            let base = if gateway.draft.module.provider == "script" { scripts } else { &folder.gateways_d };
            let (users, of_file) = files.entry(base.join(file)).or_default();
            users.push(&item.name);
            // A relative one was looked for in another place.
            if Path::new(file).is_absolute() {
                *of_file = of_file.or(gateway.of_file.as_deref());
            }
        }
        let need = |(path, (users, of_file)): (PathBuf, (Vec<&str>, Option<&str>))| {
            let state = match of_file {
                _ if !path.exists() => "missing".to_owned(),
                Some(said) => said.to_owned(),
                None => "is there".to_owned(),
            };
            let plural = if users.len() == 1 { "gateway" } else { "gateways" };
            Need {
                name: path.display().to_string(),
                what: format!("{state} ({plural} {})", users.join(", ")),
            }
        };
        files.into_iter().map(need).collect()
    }

    fn taken_gateways(&self) -> impl Iterator<Item = (&Item<Gateway>, &Gateway)> {
        self.gateways.iter().filter_map(|item| Some((item, item.taken.as_ref().ok()?)))
    }

    /// What became of the gateways, and of the SMTP servers.
    pub(super) fn entries(self) -> (Vec<Entry>, Vec<Entry>) {
        let file = self.server_file;
        let gateways = self.gateways.into_iter().map(|item| entry(item, |gateway| Some(gateway.file)));
        let servers = self.servers.into_iter().map(|item| entry(item, |_| file.clone()));
        (gateways.collect(), servers.collect())
    }
}

fn entry<T>(item: Item<T>, file: impl Fn(T) -> Option<PathBuf>) -> Entry {
    let (file, left_out) = match item.taken {
        Ok(taken) => (file(taken), None),
        Err(reason) => (None, Some(reason)),
    };
    Entry {
        name: item.theirs,
        becomes: item.name,
        provider: item.provider,
        file,
        left_out,
        notes: item.notes,
    }
}

/// What its provider says of a definition: all that is wrong with it, or what is said of the file that it names. Warnings become notes.
fn judge(
    said: Vec<Saying>,
    draft: &Draft,
    has_known_server: bool,
    item: &mut Item<Gateway>,
) -> Result<Option<String>, String> {
    let (mut of_file, mut problems) = (None, Vec::new());
    for saying in said.into_iter().filter(|saying| saying.file == item.name) {
        let key = saying.key.rsplit_once("parameters.").map_or(&*saying.key, |(_, key)| key);
        match () {
            () if saying.is_warning => item.notes.push(Note::new(Kind::Warning, key, saying.text)),
            // It is not the value that will be there.
            () if draft.variables().any(|(_, censored)| censored == key) => {}
            // It may come later.
            () if draft.module.file == Some(key) => of_file = Some(saying.text),
            // It is in a file that is there already.
            () if has_known_server && key == "SMTPIDENTIFIER" => {}
            () if key == "REGEXP" => {
                let there = "one that Python can't use was silently ignored there";
                problems.push(words(key, &format!("{}; {there}", saying.text)));
            }
            () => problems.push(words(key, &saying.text)),
        }
    }
    if problems.is_empty() { Ok(of_file) } else { Err(problems.join("; ")) }
}

fn words(key: &str, text: &str) -> String {
    if key.is_empty() { text.to_owned() } else { format!("{key}: {text}") }
}

fn without_server(name: &str) -> String {
    format!("its SMTP server {name} is left out")
}

fn unwritten(file: &Path, error: &io::Error) -> String {
    format!("{} can't be written: {error}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::gateway::tests::draft;
    use serde_json::json;
    use std::fs;

    fn item<T>(name: &str, taken: T) -> Item<T> {
        Item {
            theirs: name.to_owned(),
            name: name.to_owned(),
            provider: None,
            notes: Vec::new(),
            taken: Ok(taken),
        }
    }

    #[test]
    fn a_gateway_is_not_written_without_its_server() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::look(root.path(), true);
        let server = json!({ "server": "mail.test", "port": 25, "tls": false, "sender": "a@sms.test" });
        let server = Server::new("relay", &server, &mut Variables::default()).unwrap();
        let gateway = |name: &str, server: &str| {
            let options = json!({ "MAILTO": "{phone}@sms.test", "SMTPIDENTIFIER": server });
            let draft = draft("SmtpSMSProvider", options).unwrap();
            let file = folder.file(name).unwrap();
            item(name, Gateway { draft, file, text: format!("[gateways.{name}]\n"), of_file: None })
        };
        let file = folder.server_file().unwrap();
        let mut plan = Plan {
            servers: vec![item("relay", server)],
            server_file: Some(file.clone()),
            gateways: vec![gateway("a", "relay"), gateway("b", "there already")],
        };
        // No file takes the place of a folder.
        fs::create_dir_all(&file).unwrap();
        plan.write(&folder);
        assert!(plan.servers[0].taken.as_ref().unwrap_err().contains("can't be written"), "{plan:?}");
        assert_eq!(plan.gateways[0].taken.as_ref().unwrap_err(), "its SMTP server relay is left out");
        assert!(plan.gateways[1].taken.is_ok(), "{plan:?}");
        assert!(!folder.gateways_d.join("a.toml").exists() && folder.gateways_d.join("b.toml").exists());
    }
}

//! `[server]`

use super::{
    Location, SectionPlaces, Server,
    document::{Entry, Table},
    reader::{Reader, quoted},
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);

/// `top` is the begin of the file, for a table that is not there.
pub(super) fn server(table: Option<&Table<'_>>, top: Location, reader: &mut Reader<'_>) -> Server {
    let mut server = Server { listen: DEFAULT_LISTEN, places: SectionPlaces::none("server", top) };
    let Some(table) = table else { return server };
    server.places = SectionPlaces::of(table, "server");
    table.unknown(&["listen", "tls"], &mut reader.problems);
    if let Some(entry) = table.get("listen")
        && let Some(text) = reader.string(&entry)
    {
        match text.parse() {
            Ok(listen) => server.listen = listen,
            Err(_) => reader.refuse(
                &entry,
                format!("{} is no address with a port", quoted(&entry, &text)),
                "write one such as \"127.0.0.1:8025\" or \"[::1]:8025\"",
            ),
        }
    }
    if let Some(entry) = table.get("tls") {
        reader.not_built(&entry, |reader| tls(&entry, reader));
    }
    server
}

/// Certificate and key, each a path from the file's folder.
fn tls(entry: &Entry<'_>, reader: &mut Reader<'_>) {
    let Some(table) = entry.table(&mut reader.problems) else { return };
    let known = ["cert", "key"];
    table.unknown(&known, &mut reader.problems);
    for name in known {
        match table.get(name) {
            Some(entry) => drop(reader.path(&entry)),
            None if table.misspells(name, &known) => {}
            None => reader.problems.push(table.missing(name, "name a file in PEM form")),
        }
    }
}

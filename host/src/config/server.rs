//! `[server]`

use super::{
    Location, SectionPlaces, Server,
    document::Table,
    reader::{Reader, quoted},
    tls,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);

/// `top` is the begin of the file, for a table that is not there.
pub(super) fn server(table: Option<&Table<'_>>, top: Location, reader: &mut Reader<'_>) -> Server {
    let mut server = Server { listen: DEFAULT_LISTEN, tls: None, places: SectionPlaces::none("server", top) };
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
        server.tls = tls::tls(&entry, reader);
    }
    server
}

//! Kannel 1.4.5 as Debian has it: bearerbox and smsbox, with one bind and the window that Gatepost has.

use crate::{gateway::WINDOW, ledger, run::Subject};
use gatepost_tests::{
    client, eventually,
    peers::{
        free_port,
        process::{Process, program},
    },
};
use std::{fs, io::Write as _, net::SocketAddr, path::Path};
use tempfile::TempDir;

/// How it keeps what it was given. Neither way calls fsync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// One file, written every ten seconds.
    File,
    /// A file for each message.
    Spool,
}

/// A running Kannel whose link to the SMSC is up.
pub(crate) struct Kannel {
    // Dropped in this order: smsbox would complain of a bearerbox that is gone.
    smsbox: Process,
    bearerbox: Process,
    sendsms: u16,
    _folder: TempDir,
}

impl Kannel {
    pub(crate) fn start(smsc: u16, kept: Kept) -> Self {
        let folder = TempDir::new().unwrap();
        let [admin, boxes, sendsms] = [(); 3].map(|()| free_port());
        let config = folder.path().join("kannel.conf");
        fs::create_dir(folder.path().join("spool")).unwrap();
        fs::write(&config, configuration(folder.path(), kept, smsc, [admin, boxes, sendsms])).unwrap();
        let start = |name: &str, port: u16| {
            let mut command = program(name);
            command.args(["-v", "4"]).arg(&config);
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            Process::start(&mut command, address, &folder.path().join(format!("{name}.out")))
        };
        let bearerbox = start("bearerbox", boxes);
        let smsbox = start("smsbox", sendsms);
        let status = client::new();
        eventually("Kannel's link to the SMSC is up", || {
            let url = format!("http://127.0.0.1:{admin}/status.txt?password=bench");
            let text = client::send(status.get(url)).ok()?.text;
            text.contains("(online").then_some(())
        });
        Self { smsbox, bearerbox, sendsms, _folder: folder }
    }

    pub(crate) fn subject(&self) -> Subject {
        let request = |number: usize, output: &mut Vec<u8>| {
            let to = number % 100_000_000;
            let text = ledger::text(number).replace(' ', "+");
            write!(
                output,
                "GET /cgi-bin/sendsms?username=bench&password=bench&from=12345&to=%2B49170{to:08}&text={text} HTTP/1.1\r\n\
                 host: 127.0.0.1\r\n\r\n"
            )
            .unwrap();
        };
        Subject {
            address: SocketAddr::from(([127, 0, 0, 1], self.sendsms)),
            processes: vec![self.bearerbox.id(), self.smsbox.id()],
            request: Box::new(request),
        }
    }
}

/// It logs errors alone, which is less than Gatepost does.
fn configuration(folder: &Path, kept: Kept, smsc: u16, [admin, boxes, sendsms]: [u16; 3]) -> String {
    let folder = folder.display();
    let store = match kept {
        Kept::File => {
            format!("store-type = file\nstore-location = \"{folder}/kannel.store\"\nstore-dump-freq = 10")
        }
        Kept::Spool => format!("store-type = spool\nstore-location = \"{folder}/spool\""),
    };
    format!(
        r#"group = core
admin-port = {admin}
admin-password = bench
admin-interface = 127.0.0.1
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-file = "{folder}/bearerbox.log"
log-level = 3
dlr-storage = internal
{store}

group = smsc
smsc = smpp
smsc-id = sink
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = "bench"
smsc-password = "bench"
system-type = ""
max-pending-submits = {WINDOW}
enquire-link-interval = 30
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = "{folder}/smsbox.log"
log-level = 3

group = sendsms-user
username = bench
password = bench
max-messages = 5
"#
    )
}

//! What a host costs that has nothing to do, with all the provider libraries of the tree loaded.

use crate::report::{Targets, Wanted, figure, table};
use gatepost_tests::{
    Site, client, command,
    peers::{free_port, process::Process},
    raw, tree, usage,
};
use std::{
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

const PROVIDERS: usize = 6;
/// After it, nothing is left of the start.
const CALM: Duration = Duration::from_secs(2);
/// Between two looks at whether it is ready.
const LOOK: Duration = Duration::from_millis(1);

/// Measures and prints it.
pub(crate) fn print(runs: usize, targets: &mut Targets) {
    let (took, resident): (Vec<_>, Vec<_>) = (0..runs).map(|_| start()).unzip();
    let row = vec![figure(&took, 0), figure(&resident, 1)];
    table(&["start to ready, ms", "idle RSS MiB"], &[row]);
    targets.check("start to ready, six providers loaded", " ms", &took, Wanted::AtMost(300.0));
    // 60 MB are 57.2 MiB.
    let megabytes = resident.iter().map(|mebibytes| mebibytes * 1.048_576).collect::<Vec<_>>();
    targets.check("idle RSS, six providers loaded", " MB", &megabytes, Wanted::AtMost(60.0));
}

/// Milliseconds from its start until it is ready, and MiB that it takes when it is calm.
fn start() -> (f64, f64) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let site = Site::listening_on(&address.to_string(), "");
    let mut serve = command::clean(&tree::binary());
    serve.arg("serve").arg("--config").arg(site.config());
    let began = Instant::now();
    let looking = thread::spawn(move || {
        while !is_ready(address) {
            thread::sleep(LOOK);
        }
        began.elapsed()
    });
    let process = Process::start(&mut serve, address, &site.path().join("log.txt"));
    let took = looking.join().unwrap();
    let providers = client::send(client::new().get(format!("http://{address}/v1/providers"))).unwrap().body;
    let loaded = providers["providers"].as_array().unwrap().iter();
    assert_eq!(loaded.filter(|found| found["state"] == "loaded").count(), PROVIDERS, "{providers}");
    thread::sleep(CALM);
    (took.as_secs_f64() * 1e3, usage::memory(process.id(), "VmRSS") as f64 / 1024.0)
}

fn is_ready(address: SocketAddr) -> bool {
    let asked = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    TcpStream::connect(address).is_ok() && raw::exchange(address, asked).starts_with("HTTP/1.1 200")
}

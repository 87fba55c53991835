//! A running host.

use crate::{Answer, Site, client, command, eventually, tree, usage};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// `gatepost serve` on a site. Killed when it is dropped.
#[derive(Debug)]
pub struct Host {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    scheme: &'static str,
    client: reqwest::blocking::Client,
}

impl Host {
    /// Starts the host of the staged tree and waits until it is ready.
    pub fn start(site: &Site) -> Self {
        Self::start_with(site, &tree::binary(), &[])
    }

    /// Starts the host of the staged tree with these variables in its environment and waits until it is ready.
    pub fn start_in(site: &Site, environment: &[(&str, &str)]) -> Self {
        Self::spawn(site, &tree::binary(), &[], environment)
    }

    /// Starts the host `binary` with further arguments and waits until it is ready.
    pub fn start_with(site: &Site, binary: &Path, arguments: &[&str]) -> Self {
        Self::spawn(site, binary, arguments, &[])
    }

    /// Starts the host of the staged tree on a site with TLS, whose certificate the CA in the file `ca` has signed, and waits until it
    /// is ready.
    pub fn start_secure(site: &Site, ca: &Path, arguments: &[&str]) -> Self {
        Self::launch(site, &tree::binary(), arguments, &[], ("https", client::trusting(ca)))
    }

    /// Both.
    pub fn spawn(site: &Site, binary: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::launch(site, binary, arguments, environment, ("http", client::new()))
    }

    fn launch(
        site: &Site,
        binary: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        (scheme, client): (&'static str, reqwest::blocking::Client),
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let log = site.path().join(format!("log-{}.txt", COUNT.fetch_add(1, Ordering::Relaxed)));
        let output = File::create(&log).unwrap();
        let mut child = command::clean(binary)
            .arg("serve")
            .arg("--config")
            .arg(site.config())
            .args(["--log-format", "json"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let address = eventually("the host says where it listens", || {
            let found = listening_address(&read(&log));
            if found.is_none()
                && let Some(status) = child.try_wait().unwrap()
            {
                panic!("the host ended at once, {status}:\n{}", read(&log));
            }
            found
        });
        let host = Self { child, log, address, scheme, client };
        eventually("the host is ready", || (host.try_get("/readyz")?.status == 200).then_some(()));
        host
    }

    /// The same host, spoken to with this API key from now on.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.client = client::with_key(key);
        self
    }

    /// Everything that it has logged so far.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// An address below its own.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A client that speaks to this host.
    pub fn client(&self) -> &reqwest::blocking::Client {
        &self.client
    }

    /// GET; panics where nobody answers.
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|| panic!("no answer to GET {path}:\n{}", self.log()))
    }

    /// GET; `None` where nobody answers.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        client::send(self.client.get(self.url(path))).ok()
    }

    /// POSTs JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        client::send(self.client.post(self.url(path)).json(body)).unwrap()
    }

    /// PUTs JSON.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        client::send(self.client.put(self.url(path)).json(body)).unwrap()
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        client::send(self.client.delete(self.url(path))).unwrap()
    }

    /// POSTs one message and waits for its outcome.
    pub fn send_and_wait(&self, gateway: &str, to: &str, text: &str) -> Answer {
        let message = serde_json::json!({ "to": to, "text": text, "gateway": gateway });
        self.post("/v1/messages?wait=30", &message)
    }

    /// POSTs one message and waits until its first attempt is over; the message as it stands then.
    pub fn send_and_see(&self, gateway: &str, to: &str, text: &str) -> Value {
        let message = serde_json::json!({ "to": to, "text": text, "gateway": gateway });
        let answer = self.post("/v1/messages", &message);
        assert_eq!(answer.status, 202, "{answer:?}");
        let id = answer.id();
        eventually(&format!("message {id} is tried through {gateway}"), || {
            Some(self.message(&id))
                .filter(|message| message["attempts"].as_array().is_some_and(|all| !all.is_empty()))
        })
    }

    /// The message as it stands.
    pub fn message(&self, id: &str) -> Value {
        let answer = self.get(&format!("/v1/messages/{id}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Waits until the message is in `state`.
    pub fn until_state(&self, id: &str, state: &str) -> Value {
        eventually(&format!("message {id} is {state}"), || {
            Some(self.message(id)).filter(|message| message["state"] == state)
        })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A figure of the process, as Linux has it: `VmRSS`, `VmHWM`, in KiB.
    pub fn memory(&self, figure: &str) -> u64 {
        usage::memory(self.child.id(), figure)
    }

    /// A figure of `/metrics`, by its name with its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, without waiting.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGHUP, without waiting.
    pub fn ask_to_reload(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// POST /v1/reload.
    pub fn reload(&self) -> Answer {
        client::send(self.client.post(self.url("/v1/reload"))).unwrap()
    }

    /// How many threads of this name the process has.
    pub fn threads(&self, name: &str) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // One may end while it is looked at.
        let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|found| found.trim_end() == name).count()
    }

    /// Waits for the end of the process.
    pub fn ended(mut self) -> ExitStatus {
        eventually("the host ends", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, then its exit status.
    pub fn terminate(self) -> ExitStatus {
        self.ask_to_end();
        self.ended()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}

/// From the log line `listening`, whose field `address` it is.
fn listening_address(log: &str) -> Option<SocketAddr> {
    log.lines().find_map(|line| {
        let event: Value = serde_json::from_str(line).ok()?;
        let fields = event.get("fields").unwrap_or(&event);
        if fields.get("message")? != "listening" {
            return None;
        }
        fields.get("address")?.as_str()?.parse().ok()
    })
}

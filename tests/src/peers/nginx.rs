//! nginx, which answers as it is told and writes down what arrived, byte for byte.

use super::{
    certificates::Pair,
    free_port,
    process::{Process, program},
};
use crate::eventually;
use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    is_tls: bool,
}

/// How nginx is to speak.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The server's certificate.
    pub server: Option<Pair>,
    /// Clients have to show a certificate of this CA.
    pub clients: Option<PathBuf>,
    /// Offers HTTP/2.
    pub http2: bool,
}

/// A request as it arrived.
#[derive(Debug)]
pub struct Arrived(Value);

impl Arrived {
    /// The request line.
    pub fn line(&self) -> &str {
        self.text("line")
    }

    /// The body.
    pub fn body(&self) -> &str {
        self.text("body")
    }

    /// A field of the log: a header such as `authorization`, or `connection`, `protocol`, `client`.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

/// What is written down of each request: a name here, and nginx's variable.
const LOGGED: [(&str, &str); 13] = [
    ("line", "request"),
    ("status", "status"),
    ("body", "request_body"),
    ("authorization", "http_authorization"),
    ("content_type", "http_content_type"),
    ("user_agent", "http_user_agent"),
    ("x_test", "http_x_test"),
    ("host", "http_host"),
    ("via", "http_via"),
    ("referer", "http_referer"),
    ("connection", "connection"),
    ("protocol", "server_protocol"),
    ("client", "ssl_client_s_dn"),
];

impl Nginx {
    /// One that answers every request with 200 and `OK`.
    pub fn start() -> Self {
        Self::answering("location / { return 200 'OK'; }")
    }

    /// One with these locations, in nginx's own words.
    pub fn answering(locations: &str) -> Self {
        Self::speaking(&Tls::default(), locations)
    }

    /// One that speaks TLS.
    pub fn speaking(tls: &Tls, locations: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let configuration = configuration(folder.path(), port, tls, locations);
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let mut nginx = Self { process: None, folder, port, is_tls: tls.server.is_some() };
        nginx.start_again();
        nginx
    }

    /// Kills it: its connections break, and nobody listens any more.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops it where it stands: its connections stay, and die unannounced.
    pub fn freeze(&self) {
        self.process.as_ref().unwrap().freeze();
    }

    /// After a kill, on the same port.
    pub fn start_again(&mut self) {
        let folder = self.folder.path();
        // What a killed one leaves behind.
        drop(fs::remove_file(folder.join("answers.sock")));
        let mut command = program("nginx");
        command.arg("-p").arg(folder);
        command.arg("-c").arg(folder.join("nginx.conf"));
        command.arg("-e").arg(folder.join("error.log"));
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        self.process = Some(Process::start(&mut command, address, &folder.join("output.txt")));
    }

    /// Its address without a path.
    pub fn origin(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every request that arrived so far, in the order in which they ended.
    pub fn arrived(&self) -> Vec<Arrived> {
        let log = fs::read_to_string(self.folder.path().join("requests.log")).unwrap_or_default();
        log.lines()
            .map(|line| Arrived(serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))))
            .collect()
    }

    /// Waits until so many requests have arrived.
    pub fn until_arrived(&self, count: usize) -> Vec<Arrived> {
        // nginx writes a request down after it has answered it.
        eventually(&format!("{count} requests arrive"), || {
            Some(self.arrived()).filter(|arrived| arrived.len() >= count)
        })
    }

    /// The only request that arrived.
    pub fn only(&self) -> Arrived {
        let mut arrived = self.until_arrived(1);
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived.remove(0)
    }
}

fn configuration(folder: &Path, port: u16, tls: &Tls, locations: &str) -> String {
    let fields = LOGGED.map(|(name, variable)| format!("\"{name}\":\"${variable}\"")).join(",");
    let folder = folder.display();
    let (mut listen, mut certificates) = (format!("127.0.0.1:{port}"), String::new());
    if let Some(pair) = &tls.server {
        listen += " ssl";
        certificates = format!(
            "ssl_certificate {}; ssl_certificate_key {};",
            pair.certificate.display(),
            pair.key.display()
        );
    }
    if tls.http2 {
        listen += " http2";
    }
    if let Some(ca) = &tls.clients {
        certificates += &format!("ssl_client_certificate {}; ssl_verify_client on;", ca.display());
    }
    // The request goes on to a second server, the same nginx: only so is its body read.
    format!(
        r#"daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 8m;
    client_body_buffer_size 8m;
    client_body_in_single_buffer on;
    large_client_header_buffers 4 256k;
    keepalive_timeout 60;
    server_tokens off;
    log_format requests escape=json '{{{fields}}}';
    access_log off;
    default_type text/plain;
    server {{
        listen {listen};
        {certificates}
        location / {{
            access_log {folder}/requests.log requests;
            proxy_buffers 8 256k;
            proxy_buffer_size 256k;
            proxy_pass http://unix:{folder}/answers.sock;
            proxy_set_header Host $http_host;
        }}
    }}
    server {{
        listen unix:{folder}/answers.sock;
        absolute_redirect off;
        {locations}
    }}
}}
"#
    )
}

//! Postfix, as Debian ships it: an instance of its own, with STARTTLS, SASL and mailboxes for two users.

use super::{
    certificates::Pair,
    free_port,
    process::{Process, program},
    smtp::{PASSWORD, USER, described},
};
use crate::{eventually, site::set_mode};
use serde_json::Value;
use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// Whose mails it takes.
pub const RECIPIENTS: [&str; 2] = ["491701234567@sms.test", "alerts@sms.test"];

/// Where Debian keeps what only Postfix itself starts.
const DAEMONS: &str = "/usr/lib/postfix/sbin";

/// A running Postfix.
#[derive(Debug)]
pub struct Postfix {
    process: Option<Process>,
    folder: TempDir,
    /// On 127.0.0.1.
    pub port: u16,
}

impl Postfix {
    /// Why it can't run here: only root may start it.
    pub fn missing_right() -> Option<&'static str> {
        (!rustix::process::geteuid().is_root()).then_some("Postfix starts as root only")
    }

    /// One that takes mails after authentication in TLS, and from nobody else.
    pub fn start(certificate: &Pair) -> Self {
        let folder = TempDir::new().unwrap();
        // Its programs run as users of their own.
        set_mode(folder.path(), 0o755);
        let port = free_port();
        for name in ["conf", "conf/sasl", "queue", "data", "mail"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            set_mode(&folder.path().join(name), 0o755);
        }
        write_users(folder.path());
        fs::copy(&certificate.certificate, folder.path().join("certificate.pem")).unwrap();
        fs::copy(&certificate.key, folder.path().join("key.pem")).unwrap();
        fs::write(folder.path().join("conf/main.cf"), main_cf(folder.path())).unwrap();
        fs::write(folder.path().join("conf/master.cf"), master_cf(port)).unwrap();
        let conf = folder.path().join("conf");
        run(Command::new("chown").arg("postfix:").arg(folder.path().join("data")));
        run(Command::new("chown").arg("nobody:").arg(folder.path().join("mail")));
        // Makes the queue's folders.
        run(program("postfix").arg("-c").arg(&conf).arg("check"));
        let mut command = Command::new(Path::new(DAEMONS).join("master"));
        command.arg("-c").arg(&conf).arg("-d");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = Process::start(&mut command, address, &folder.path().join("output.txt"));
        Self { process: Some(process), folder, port }
    }

    /// What it has written down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mail.log")).unwrap_or_default()
    }

    /// The mails in the mailbox of `recipient`, once there are `count` of them, in no particular order.
    pub fn until_delivered(&self, recipient: &str, count: usize) -> Vec<Value> {
        let user = recipient.split('@').next().unwrap();
        let folder = self.folder.path().join("mail").join(user).join("new");
        let files = eventually(&format!("{count} mails for {recipient}; so far:\n{}", self.log()), || {
            let files = fs::read_dir(&folder).ok()?.map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
            Some(files).filter(|files| files.len() >= count)
        });
        files.iter().map(|file| described(&fs::read(file).unwrap())).collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        if let Some(process) = self.process.take() {
            process.terminate();
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn write_users(folder: &Path) {
    let database = folder.join("conf/sasl/sasldb2");
    let (user, realm) = USER.split_once('@').unwrap();
    let mut child = program("saslpasswd2")
        .args(["-p", "-c", "-u", realm, "-f"])
        .arg(&database)
        .arg(user)
        .stdin(Stdio::piped())
        .spawn()
        .expect("cannot run saslpasswd2; `cargo xtask test` installs it");
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    set_mode(&database, 0o644);
    let configuration = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
        database.display()
    );
    // Debian's looks for it there, whatever `cyrus_sasl_config_path` says.
    fs::write(folder.join("conf/sasl/smtpd.conf"), configuration).unwrap();
    let boxes = RECIPIENTS.map(|address| format!("{address} {}/\n", address.split('@').next().unwrap()));
    fs::write(folder.join("conf/boxes"), boxes.concat()).unwrap();
}

fn main_cf(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {DAEMONS}
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = postfix.test
mydestination =
mynetworks =
alias_maps =
inet_interfaces = 127.0.0.1
smtputf8_enable = yes
virtual_mailbox_domains = sms.test
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/conf/boxes
virtual_minimum_uid = 100
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_cert_file = {folder}/certificate.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
"
    )
}

/// Its usual services, none of them in a root of its own.
fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"
    )
}

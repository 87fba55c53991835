//! TLS on the listening side, to clients that others wrote.

use gatepost_tests::{
    Host, Site, command, eventually,
    peers::{
        certificates::{Authority, Pair},
        process::program,
    },
    raw, tree,
};
use std::{io::Write as _, path::Path, time::Duration};
use tempfile::TempDir;

/// `tls` of a site's `[server]`.
pub(crate) fn table(pair: &Pair) -> String {
    format!("tls = {{ cert = {:?}, key = {:?} }}\n", pair.certificate, pair.key)
}

/// A site with TLS, and the CA of its certificate.
pub(crate) fn secure() -> (Site, Authority, TempDir) {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new(folder.path());
    let site = with_tls(&authority.server("127.0.0.1"));
    (site, authority, folder)
}

/// A site that shows this certificate.
pub(crate) fn with_tls(pair: &Pair) -> Site {
    let site = Site::new("");
    site.configure(&site.configuration().replace("[store]", &format!("{}[store]", table(pair))));
    site
}

fn curl(ca: &Path, arguments: &[&str]) -> command::Ended {
    let mut curl = program("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert"])
        .arg(ca)
        .args(arguments);
    command::run(&mut curl, "")
}

fn s_client(host: &Host, ca: &Path, arguments: &[&str]) -> command::Ended {
    let mut client = program("openssl");
    client
        .args(["s_client", "-verify_return_error", "-connect", &host.address.to_string(), "-CAfile"])
        .arg(ca);
    command::run(client.args(arguments), "")
}

#[test]
fn curl_sends_a_message_with_http1_and_http2() {
    let (site, authority, _folder) = secure();
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let message = r#"{"to": "+491701234567", "text": "hello", "gateway": "outbox"}"#;
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let sent = curl(
            &authority.certificate(),
            &[
                flag,
                "--json",
                message,
                "--write-out",
                "\n%{http_version} %{http_code}",
                &host.url("/v1/messages?wait=20"),
            ],
        );
        assert_eq!(sent.stdout.lines().last(), Some(&*format!("{version} 200")), "{sent:?}");
    }
    assert_eq!(site.outbox().lines().count(), 2);
    // Whoever trusts somebody else does not get that far.
    let other = Authority::new(&site.path().join("other"));
    let refused = curl(&other.certificate(), &[&host.url("/healthz")]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert_eq!(refused.stdout, "", "{refused:?}");
}

#[test]
fn versions_and_protocols_are_those_of_today() {
    let (site, authority, _folder) = secure();
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let ca = authority.certificate();
    for (arguments, expected) in [
        (&["-tls1_2"][..], "Protocol  : TLSv1.2"),
        (&["-tls1_3"], "TLSv1.3"),
        (&["-alpn", "h2,http/1.1"], "ALPN protocol: h2"),
        (&["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
    ] {
        let ended = s_client(&host, &ca, arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        assert!(ended.output().contains(expected), "{arguments:?}: {ended:?}");
    }
    for old in ["-tls1_1", "-tls1"] {
        // OpenSSL itself has to be talked into it.
        let ended = s_client(&host, &ca, &[old, "-cipher", "ALL:@SECLEVEL=0"]);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        // It is the host that refuses.
        assert!(ended.output().contains("SSL alert number"), "{ended:?}");
    }
}

#[test]
fn plain_http_to_a_tls_port_is_told_so() {
    let (site, authority, _folder) = secure();
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let answer = raw::exchange(host.address, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(raw::statuses(&answer), [400], "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("https://"), "{answer}");
    for garbage in [&b"\x00\x01\x02\x03"[..], &[0x16; 2000], b"\x80\x2e\x01\x03\x01"] {
        assert!(!raw::exchange(host.address, garbage).contains("HTTP/1.1"));
    }
    assert_eq!(host.get("/healthz").status, 200);
}

#[test]
fn handshakes_that_do_not_go_on_stop_nobody() {
    let (site, authority, _folder) = secure();
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let mut slow = (0..500)
        .map(|number| {
            let mut stream = raw::connect(host.address);
            // Nothing at all, or the beginning of a ClientHello.
            stream.write_all(&b"\x16\x03\x01\x02\x00\x01"[..number % 7]).unwrap();
            stream
        })
        .collect::<Vec<_>>();
    for _ in 0..10 {
        let ended = curl(
            &authority.certificate(),
            &["--write-out", "%{http_code}", "--max-time", "5", &host.url("/healthz")],
        );
        assert!(ended.stdout.ends_with("200"), "{ended:?}");
    }
    eventually("the host gives them up", || slow.iter_mut().all(raw::is_closed).then_some(()));
    drop(raw::answers(&mut slow[0], Duration::from_millis(10)));
}

#[test]
fn our_own_commands_trust_a_private_ca_where_they_are_told_to() {
    let (site, authority, _folder) = secure();
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let (url, ca) = (host.url(""), authority.certificate());
    let ca = ca.to_str().unwrap();
    let send = ["send", "--server", &url, "--to", "+491701234567", "--gateway", "outbox", "hello"];
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut gatepost = command::clean(&tree::binary());
        command::run(gatepost.args(arguments).envs(environment.iter().copied()), "")
    };
    let sent = run(&[&send[..], &["--ca-file", ca]].concat(), &[]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let sent = run(&send, &[("SSL_CERT_FILE", ca)]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let listed = run(&["messages", "list", "--server", &url, "--ca-file", ca], &[]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let unknown = run(&send, &[]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.stderr.contains("--ca-file"), "it says how to mend it: {unknown:?}");
    for (file, why) in [("/nonexistent", "No such file"), (site.config().to_str().unwrap(), "no certificate")]
    {
        let wrong = run(&[&send[..], &["--ca-file", file]].concat(), &[]);
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        assert!(wrong.stderr.contains(why), "{wrong:?}");
    }
    assert_eq!(site.outbox().lines().count(), 2);
}

//! `gatepost send`, through a running host and without one.

use gatepost_tests::{Ended, Host, Site, command, gatepost, tree};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

const TO: &str = "+491701234567";

fn refusing() -> Site {
    let site = Site::new(
        r#"
[gateways.strict]
provider = "script"
[gateways.strict.parameters]
SCRIPT = "strict"
"#,
    );
    site.add_script("strict", "#!/bin/sh\necho 'the number is barred' >&2\nexit 3\n");
    site
}

fn send(how: &[&str], more: &[&str], input: &str) -> Ended {
    let mut binary = command::clean(&tree::binary());
    command::run(binary.arg("send").args(how).args(["--to", TO]).args(more), input)
}

fn each_way_ends_with_its_exit_code(how: &[&str], site: &Site) {
    let sent = send(how, &["--gateway", "outbox", "Your code is 123456"], "");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.stdout.contains("sent"), "{sent:?}");
    let sent = send(how, &["--gateway", "outbox", "-"], "from stdin");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let outbox = site.outbox();
    let texts: Vec<_> = outbox.lines().map(|line| line.split('\t').nth(2).unwrap()).collect();
    assert_eq!(texts, ["Your code is 123456", "from stdin"]);

    let refused = send(how, &["--gateway", "strict", "hello"], "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.output().contains("the number is barred"), "{refused:?}");

    let usage = send(how, &["--gateway", "outbox", "--no-such-flag", "hello"], "");
    assert_eq!(usage.code, Some(2), "{usage:?}");
    let unknown = send(how, &["--gateway", "nowhere", "hello"], "");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.output().contains("nowhere"), "{unknown:?}");
    assert_eq!(site.outbox(), outbox, "more was delivered than said");
}

#[test]
fn through_the_running_host() {
    let site = refusing();
    let host = Host::start(&site);
    each_way_ends_with_its_exit_code(&["--server", &host.url("")], &site);
}

#[test]
fn directly_without_server_and_store() {
    let site = refusing();
    each_way_ends_with_its_exit_code(&["--direct", "--config", site.config().to_str().unwrap()], &site);
    assert!(!site.data().exists(), "there is no store");
}

#[test]
fn the_key_comes_from_the_environment_or_a_file() {
    // SHA-256 of `abc`, from FIPS 180.
    let site = Site::new(
        "[[api_keys]]\nname = \"app\"\n\
         sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\nscopes = [\"send\"]\n",
    );
    let host = Host::start(&site);
    let url = host.url("");
    let arguments = ["send", "--server", &url, "--to", TO, "--gateway", "outbox", "hello"];
    let without = gatepost(&arguments);
    assert!(without.code.is_some_and(|code| code != 0), "{without:?}");
    assert!(without.output().contains("401") || without.output().contains("key"), "{without:?}");
    assert_eq!(site.outbox(), "");

    let mut binary = command::clean(&tree::binary());
    let sent = command::run(binary.args(arguments).env("GATEPOST_API_KEY", "abc"), "");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let file = site.path().join("key");
    std::fs::write(&file, "abc\n").unwrap();
    let mut binary = command::clean(&tree::binary());
    let sent = command::run(binary.args(arguments).arg("--api-key-file").arg(&file), "");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(site.outbox().lines().count(), 2);
}

#[test]
fn nobody_there_is_not_sent() {
    let ended = send(&["--server", "http://127.0.0.1:9"], &["--gateway", "outbox", "hello"], "");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.output().contains("127.0.0.1:9"), "{ended:?}");
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    for server in
        ["http://app:hunter2@127.0.0.1:9", "ftp://app:hunter2@127.0.0.1", "http://app:hunter2@127.0.0.1:x"]
    {
        let ended = send(&["--server", server], &["--gateway", "outbox", "hello"], "");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(!ended.output().contains("hunter2"), "{ended:?}");
    }
}

#[test]
fn a_redirect_does_not_take_the_text_elsewhere() {
    let (first, elsewhere) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    elsewhere.set_nonblocking(true).unwrap();
    let target = elsewhere.local_addr().unwrap();
    let url = format!("http://{}", first.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = first.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            assert_ne!(read, 0, "it ended early");
            request.extend_from_slice(&part[..read]);
        }
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{target}/v1/messages\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let ended = send(&["--server", &url], &["--gateway", "outbox", "hello"], "");
    answering.join().unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.output().contains("307"), "{ended:?}");
    let nobody = elsewhere.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

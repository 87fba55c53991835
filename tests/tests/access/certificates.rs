//! Certificates that are wrong, and those that are replaced.

use super::tls::{secure, with_tls};
use gatepost_tests::{
    Host, Site, client, eventually, gatepost,
    peers::certificates::{Authority, Pair, self_signed},
    site::set_mode,
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

fn checked(site: &Site) -> gatepost_tests::Ended {
    gatepost(&["check", "--config", site.config().to_str().unwrap()])
}

#[test]
fn a_wrong_file_is_told_with_its_line_by_check_and_serve() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let good = authority.server("127.0.0.1");
    let other = authority.server("sms.example");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty.pem"), "").unwrap();
    fs::write(path("garbage.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let pair = |certificate: &Path, key: &Path| Pair { certificate: certificate.into(), key: key.into() };
    for (pair, expected) in [
        (pair(&path("missing.pem"), &good.key), vec!["server.tls.cert: ", "can't be read: No such file"]),
        (
            pair(&good.certificate, &path("missing.pem")),
            vec!["server.tls.key: ", "can't be read: No such file"],
        ),
        (pair(&path("missing.pem"), &path("missing.key")), vec!["server.tls.cert: ", "server.tls.key: "]),
        (pair(&path("empty.pem"), &good.key), vec!["server.tls.cert: ", "no certificate"]),
        (pair(&path("garbage.pem"), &good.key), vec!["server.tls.cert: ", "can't be read"]),
        (pair(&good.key, &good.key), vec!["server.tls.cert: ", "no certificate"]),
        (pair(&good.certificate, &good.certificate), vec!["server.tls.key: ", "no private key"]),
        (pair(&good.certificate, &other.key), vec!["server.tls.key: ", "is not the key of"]),
        (pair(folder.path(), &good.key), vec!["server.tls.cert: ", "no regular file"]),
    ] {
        let site = with_tls(&pair);
        let checked = checked(&site);
        let served = gatepost(&["serve", "--config", site.config().to_str().unwrap()]);
        for ended in [checked, served] {
            assert_eq!(ended.code, Some(2), "{ended:?}");
            let said = ended.output();
            assert!(said.contains("gatepost.toml:4: "), "{said}");
            assert!(expected.iter().all(|words| said.contains(words)), "{expected:?}: {said}");
            let secret = fs::read_to_string(&good.key).unwrap();
            assert!(!said.contains(secret.lines().nth(1).unwrap()), "{said}");
        }
    }
    set_mode(&good.key, 0o600);
    let fine = checked(&with_tls(&good));
    assert_eq!((fine.code, fine.output().contains("server.tls")), (Some(0), false), "{fine:?}");
}

#[test]
fn what_is_not_wrong_but_dangerous_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    for (days, mode, expected) in [
        (13, 0o600, &["server.tls.cert: expires soon"][..]),
        (-1, 0o600, &["server.tls.cert: has expired"]),
        (30, 0o644, &["server.tls.key: "]),
        (13, 0o604, &["server.tls.cert: expires soon", "server.tls.key: "]),
        (30, 0o640, &[]),
    ] {
        let pair = authority.server_for_days("127.0.0.1", days);
        set_mode(&pair.key, mode);
        let ended = checked(&with_tls(&pair));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let warnings = ended.stderr.lines().filter(|line| line.contains("server.tls")).collect::<Vec<_>>();
        assert_eq!(warnings.len(), expected.len(), "{days} days, {mode:o}: {warnings:?}");
        for (warning, expected) in warnings.iter().zip(expected) {
            assert!(warning.contains(expected) && warning.contains("gatepost.toml:4: "), "{warning}");
        }
    }
    let pair = authority.server_for_days("127.0.0.1", 13);
    let site = with_tls(&pair);
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    assert!(host.log().contains("expires soon"), "the log says so too: {}", host.log());
}

/// Whether a new connection is shown a certificate of this CA.
fn shows(host: &Host, authority: &Authority) -> bool {
    client::send(client::trusting(&authority.certificate()).get(host.url("/healthz"))).is_ok()
}

#[test]
fn certificates_are_replaced_while_requests_flow() {
    let folder = tempfile::tempdir().unwrap();
    let authorities = ["one", "two", "three", "four"].map(|name| Authority::new(&folder.path().join(name)));
    let pairs = authorities.each_ref().map(|authority| authority.server("127.0.0.1"));
    // As certbot has it: links to files of an archive.
    let live = folder.path().join("live");
    fs::create_dir(&live).unwrap();
    let shown = Pair { certificate: live.join("fullchain.pem"), key: live.join("privkey.pem") };
    let link = |pair: &Pair| {
        for (target, link) in [(&pair.certificate, &shown.certificate), (&pair.key, &shown.key)] {
            let new = live.join("new");
            symlink(target, &new).unwrap();
            fs::rename(&new, link).unwrap();
        }
    };
    link(&pairs[0]);
    let site = with_tls(&shown);
    let host = Host::start_secure(&site, &authorities[0].certificate(), &[]);
    let all = folder.path().join("all.pem");
    let bundle = authorities.each_ref().map(|authority| fs::read_to_string(authority.certificate()).unwrap());
    fs::write(&all, bundle.concat()).unwrap();

    let (over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for keeps_its_connection in [true, false] {
            let (over, served, host, all) = (&over, &served, &host, &all);
            scope.spawn(move || {
                let mut client = client::trusting(all);
                while !over.load(Ordering::Relaxed) {
                    if !keeps_its_connection {
                        client = client::trusting(all);
                    }
                    let answer = client::send(client.get(host.url("/healthz")));
                    assert_eq!(answer.unwrap().status, 200, "no request fails meanwhile");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let until_shown = |number: usize, how: &str| {
            eventually(how, || shows(&host, &authorities[number]).then_some(()));
            assert!(!shows(&host, &authorities[number - 1]), "{how}: the one before is gone");
        };
        link(&pairs[1]);
        until_shown(1, "links are followed");
        let (certificate, key) = (fs::read(&pairs[2].certificate).unwrap(), fs::read(&pairs[2].key).unwrap());
        // Written in place, through the link.
        fs::write(&shown.certificate, certificate).unwrap();
        fs::write(&shown.key, key).unwrap();
        until_shown(2, "files are read again");
        let copy = Pair { certificate: live.join("c"), key: live.join("k") };
        fs::copy(&pairs[3].certificate, &copy.certificate).unwrap();
        fs::copy(&pairs[3].key, &copy.key).unwrap();
        fs::rename(&copy.key, &shown.key).unwrap();
        fs::rename(&copy.certificate, &shown.certificate).unwrap();
        until_shown(3, "renamed files are found");
        over.store(true, Ordering::Relaxed);
    });
    assert!(served.load(Ordering::Relaxed) > 20, "{served:?}");
    assert_eq!(host.log().matches("there is a new certificate").count(), 3, "{}", host.log());
}

#[test]
fn the_end_of_the_certificate_is_told_to_prometheus() {
    const EXPIRY: &str = "gatepost_tls_certificate_expiry_timestamp_seconds";
    let (site, authority, _folder) = secure();
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let client = client::trusting(&authority.certificate());
    let days_left = || {
        let answer = client::send(client.get(host.url("/metrics"))).unwrap();
        let value =
            answer.text.lines().find_map(|line| line.strip_prefix(EXPIRY)?.trim().parse::<f64>().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (value.unwrap_or_else(|| panic!("{answer:?}")) - now.as_secs_f64()) / 86_400.0
    };
    let before = days_left();
    assert!(before > 6.0, "{before}");
    // It takes the place of the one before, in the same files.
    authority.server_for_days("127.0.0.1", 5);
    let after = eventually("the new one is told", || Some(days_left()).filter(|days| *days < 6.0));
    assert!(after > 4.0, "{after}");
    // Where there is none, none ends.
    let site = Site::new("");
    let plain = Host::start(&site);
    assert_eq!(plain.metric(EXPIRY), 0.0);
}

#[test]
fn a_broken_pair_leaves_the_old_one_and_one_warning() {
    let (site, authority, folder) = secure();
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let shown =
        Pair { certificate: folder.path().join("127.0.0.1.pem"), key: folder.path().join("127.0.0.1.key") };
    let warnings = || host.log().matches("the new certificate can't be used").count();
    let other = Authority::new(&folder.path().join("other"));
    let new = other.server("127.0.0.1");
    let whole = fs::read(&new.certificate).unwrap();
    for (number, broken) in [&whole[..], &whole[..whole.len() / 2], b""].into_iter().enumerate() {
        fs::write(&shown.certificate, broken).unwrap();
        eventually("the log tells of it", || (warnings() > number).then_some(()));
        assert!(shows(&host, &authority), "the old one stays");
    }
    fs::remove_file(&shown.certificate).unwrap();
    eventually("the log tells of it", || (warnings() > 3).then_some(()));
    assert!(shows(&host, &authority));
    fs::write(&shown.certificate, &whole).unwrap();
    fs::copy(&new.key, &shown.key).unwrap();
    eventually("the new one is shown once it is whole", || shows(&host, &other).then_some(()));
    assert_eq!(warnings(), 4, "each is told once: {}", host.log());
}

#[test]
fn a_certificate_that_nobody_signed_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let pair = self_signed(folder.path(), "127.0.0.1");
    let site = with_tls(&pair);
    let host = Host::start_secure(&site, &pair.certificate, &[]);
    assert_eq!(host.get("/healthz").status, 200);
}

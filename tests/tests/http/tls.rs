//! TLS: private CAs, self-signed certificates, client certificates.

use super::{TEXT, TO, refused, sent};
use gatepost_tests::{
    Host, Site,
    peers::{
        certificates::{Authority, self_signed},
        nginx::{Nginx, Tls},
    },
};
use std::time::{Duration, Instant};

const OK: &str = "location / { return 200 'OK'; }";

fn gateway(name: &str, peer: &Nginx, more: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"http\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\nURL = \"{}/{name}\"\n{more}\n",
        peer.origin()
    )
}

#[test]
fn certificates_are_verified_unless_the_definition_says_no() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) =
        (Authority::new(&folder.path().join("ours")), Authority::new(&folder.path().join("other")));
    let serving = |server| Nginx::speaking(&Tls { server: Some(server), ..Tls::default() }, OK);
    let private = serving(ours.server("127.0.0.1"));
    let misnamed = serving(ours.server("sms.example"));
    let lonely_pair = self_signed(&folder.path().join("self"), "127.0.0.1");
    let lonely = serving(lonely_pair.clone());
    let ca = |path: &std::path::Path| format!("CA_FILE = \"{}\"", path.display());
    let gateways = [
        gateway("private", &private, &ca(&ours.certificate())),
        gateway("private-unknown", &private, ""),
        gateway("private-other", &private, &ca(&other.certificate())),
        gateway("private-unchecked", &private, "CHECK_SSL = false"),
        gateway("misnamed", &misnamed, &ca(&ours.certificate())),
        gateway("misnamed-unchecked", &misnamed, "CHECK_SSL = \"no\""),
        gateway("lonely", &lonely, ""),
        gateway("lonely-unchecked", &lonely, "CHECK_SSL = \"no\""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for gateway in ["private", "private-unchecked", "misnamed-unchecked", "lonely-unchecked"] {
        sent(&host, gateway);
    }
    for gateway in ["private-unknown", "private-other", "misnamed", "lonely"] {
        let (outcome, _, detail) = refused(&host, gateway, TO, TEXT);
        assert_eq!(outcome, "unavailable", "{gateway}: {detail}");
        assert!(detail.contains("certificate"), "{gateway}: {detail}");
    }
    assert_eq!((private.arrived().len(), misnamed.arrived().len(), lonely.arrived().len()), (2, 1, 1));
    assert!(host.log().contains("gateways.lonely-unchecked.parameters.CHECK_SSL"), "it is worth a warning");
}

#[test]
fn a_client_shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let (ours, client) = (authority.certificate(), authority.client("gatepost.example"));
    let server = Some(authority.server("127.0.0.1"));
    let peer = Nginx::speaking(&Tls { server, clients: Some(ours.clone()), http2: false }, OK);
    let both = folder.path().join("both.pem");
    let bytes = [std::fs::read(&client.certificate).unwrap(), std::fs::read(&client.key).unwrap()].concat();
    std::fs::write(&both, bytes).unwrap();
    let ca = format!("CA_FILE = \"{}\"", ours.display());
    let shown = format!(
        "{ca}\nCLIENT_CERT = \"{}\"\nCLIENT_KEY = \"{}\"",
        client.certificate.display(),
        client.key.display()
    );
    let gateways = [
        gateway("shown", &peer, &shown),
        gateway("one-file", &peer, &format!("{ca}\nCLIENT_CERT = \"{}\"", both.display())),
        gateway("nobody", &peer, &ca),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    sent(&host, "shown");
    sent(&host, "one-file");
    let arrived = peer.until_arrived(2);
    assert!(arrived.iter().all(|request| request.text("client").contains("gatepost.example")), "{arrived:?}");
    let (outcome, code, detail) = refused(&host, "nobody", TO, TEXT);
    // nginx lets the handshake pass and answers itself.
    assert_eq!((outcome.as_str(), code.as_str()), ("rejected", "400"), "{detail}");
    assert!(detail.contains("certificate"), "{detail}");
}

#[test]
fn http2_is_spoken_where_the_server_offers_it() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let tls = Tls { server: Some(authority.server("127.0.0.1")), clients: None, http2: true };
    let peer = Nginx::speaking(&tls, OK);
    let ca = format!("CA_FILE = \"{}\"", authority.certificate().display());
    let site = Site::new(&gateway("two", &peer, &ca));
    let host = Host::start(&site);
    for _ in 0..3 {
        sent(&host, "two");
    }
    let arrived = peer.until_arrived(3);
    assert!(arrived.iter().all(|request| request.line() == "GET /two HTTP/2.0"), "{arrived:?}");
    assert!(
        arrived.iter().all(|request| request.text("connection") == arrived[0].text("connection")),
        "{arrived:?}"
    );
}

#[test]
fn an_http2_connection_that_died_unannounced_is_found_well_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let tls = Tls { server: Some(authority.server("127.0.0.1")), clients: None, http2: true };
    let peer = Nginx::speaking(&tls, OK);
    let more = format!("CA_FILE = \"{}\"\nTIMEOUT = 12", authority.certificate().display());
    let site = Site::new(&gateway("dead", &peer, &more));
    let host = Host::start(&site);
    sent(&host, "dead");
    peer.freeze();
    let started = Instant::now();
    let (outcome, _, detail) = refused(&host, "dead", TO, TEXT);
    assert_eq!(outcome, "uncertain", "{detail}");
    // A quarter until it is asked, a quarter for its answer.
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}: {detail}", started.elapsed());
}

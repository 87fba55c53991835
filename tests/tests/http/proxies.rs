//! Proxies with a password: HTTP, CONNECT and SOCKS5.

use super::{TEXT, TO, refused, sent};
use gatepost_tests::{
    Host, Site,
    peers::{
        certificates::Authority,
        nginx::{Nginx, Tls},
        proxy::{PASSWORD, Proxy, USER},
    },
};
use std::path::Path;

fn gateway(name: &str, origin: &str, ca: &Path, more: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"http\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\nURL = \"{origin}/{name}\"\n\
         CA_FILE = \"{}\"\n{more}\n",
        ca.display()
    )
}

struct Peers {
    _folder: tempfile::TempDir,
    ca: std::path::PathBuf,
    plain: Nginx,
    secure: Nginx,
}

impl Peers {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let tls = Tls { server: Some(authority.server("127.0.0.1")), ..Tls::default() };
        let secure = Nginx::speaking(&tls, "location / { return 200 'OK'; }");
        Self { ca: authority.certificate(), _folder: folder, plain: Nginx::start(), secure }
    }

    fn gateway(&self, name: &str, more: &str) -> String {
        let origin = if name.starts_with("https") { self.secure.origin() } else { self.plain.origin() };
        gateway(name, &origin, &self.ca, more)
    }
}

#[test]
fn an_http_proxy_with_a_password_is_used_for_both_schemes() {
    let (peers, proxy) = (Peers::start(), Proxy::tinyproxy());
    let url = proxy.url("http", PASSWORD);
    let wrong = proxy.url("http", "wrong-9912");
    let bare = url.replace(&format!("{USER}:{PASSWORD}@"), "");
    let gateways = [
        peers.gateway("http-own", &format!("HTTP_PROXY = \"{url}\"")),
        peers.gateway("https-own", &format!("HTTPS_PROXY = \"{url}\"")),
        peers.gateway("http-any", &format!("PROXY = \"{url}\"")),
        peers.gateway("https-any", &format!("PROXY = \"{url}\"")),
        peers.gateway("https-other", &format!("HTTP_PROXY = \"{wrong}\"")),
        peers.gateway("http-wrong", &format!("PROXY = \"{wrong}\"")),
        peers.gateway("http-bare", &format!("PROXY = \"{bare}\"")),
        peers.gateway("https-bare", &format!("PROXY = \"{bare}\"")),
        peers.gateway("https-preferred", &format!("PROXY = \"{wrong}\"\nHTTPS_PROXY = \"{url}\"")),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);

    sent(&host, "http-own");
    sent(&host, "http-any");
    let arrived = peers.plain.until_arrived(2);
    assert!(arrived.iter().all(|request| request.text("via").contains("tinyproxy")), "{arrived:?}");
    sent(&host, "https-own");
    sent(&host, "https-any");
    sent(&host, "https-preferred");
    let connects = || proxy.log().matches(&format!("CONNECT 127.0.0.1:{}", peers.secure.port())).count();
    assert_eq!(connects(), 3, "{}", proxy.log());
    // The proxy for the other scheme is none for this one.
    sent(&host, "https-other");
    assert_eq!(connects(), 3);
    assert_eq!(peers.secure.until_arrived(4).len(), 4);

    for gateway in ["http-wrong", "http-bare", "https-bare"] {
        let (outcome, _, detail) = refused(&host, gateway, TO, TEXT);
        assert_eq!(outcome, "misconfigured", "{gateway}: {detail}");
        assert!(detail.contains("proxy") && !detail.contains("wrong-9912"), "{detail}");
    }
    assert!(!host.log().contains(PASSWORD), "{}", host.log());
}

#[test]
fn a_socks5_proxy_with_a_password_is_used_for_both_schemes() {
    let (peers, proxy) = (Peers::start(), Proxy::microsocks());
    let gateways = [
        peers.gateway("http-socks", &format!("PROXY = \"{}\"", proxy.url("socks5", PASSWORD))),
        peers.gateway("https-socks", &format!("HTTPS_PROXY = \"{}\"", proxy.url("socks5h", PASSWORD))),
        peers.gateway("https-wrong", &format!("PROXY = \"{}\"", proxy.url("socks5", "wrong-9912"))),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    sent(&host, "http-socks");
    sent(&host, "https-socks");
    for peer in [&peers.plain, &peers.secure] {
        assert!(proxy.log().contains(&format!("connected to 127.0.0.1:{}", peer.port())), "{}", proxy.log());
    }
    let (outcome, _, detail) = refused(&host, "https-wrong", TO, TEXT);
    assert_eq!(outcome, "misconfigured", "{detail}");
}

#[test]
fn the_environments_proxy_is_used_on_demand_alone() {
    let (peers, proxy) = (Peers::start(), Proxy::tinyproxy());
    let gateways = [peers.gateway("https-env", "PROXY = \"env\""), peers.gateway("https-plain", "")];
    let site = Site::new(&gateways.concat());
    let url = proxy.url("http", PASSWORD);
    let host = Host::start_in(
        &site,
        &[("HTTPS_PROXY", &url), ("https_proxy", &url), ("NO_PROXY", ""), ("no_proxy", "")],
    );
    sent(&host, "https-plain");
    assert!(!proxy.log().contains("CONNECT 127"), "{}", proxy.log());
    sent(&host, "https-env");
    assert!(proxy.log().contains("CONNECT 127"), "{}", proxy.log());
    assert!(!host.log().contains(USER), "{}", host.log());
}

#[test]
fn a_proxy_that_is_not_there_is_unavailable() {
    let peers = Peers::start();
    let port = gatepost_tests::peers::free_port();
    let site = Site::new(&peers.gateway("https-lost", &format!("PROXY = \"http://127.0.0.1:{port}\"")));
    let host = Host::start(&site);
    let (outcome, _, detail) = refused(&host, "https-lost", TO, TEXT);
    assert_eq!(outcome, "unavailable", "{detail}");
}

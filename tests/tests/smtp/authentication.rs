//! Credentials, by the mechanism that the server offers.

use super::{TEXT, TO, gateway, refused, sent, server};
use gatepost_tests::{
    Host, Site, gatepost,
    peers::smtp::{PASSWORD, SmtpServer, Speaking, USER},
};

fn credentials(password: &str) -> String {
    format!("username = \"{USER}\"\npassword = \"{password}\"\n")
}

fn offering(auth: &'static [&'static str]) -> SmtpServer {
    SmtpServer::speaking(&Speaking { auth, ..Speaking::default() })
}

#[test]
fn the_mechanism_is_one_that_the_server_offers() {
    for (auth, more, used) in [
        (&["PLAIN"][..], "", "PLAIN"),
        (&["LOGIN"], "", "LOGIN"),
        (&["XOAUTH2"], "", "XOAUTH2"),
        (&["LOGIN", "PLAIN", "XOAUTH2"], "", "PLAIN"),
        (&["LOGIN", "PLAIN", "XOAUTH2"], "auth = \"login\"", "LOGIN"),
        (&["LOGIN", "PLAIN", "XOAUTH2"], "auth = \"xoauth2\"", "XOAUTH2"),
    ] {
        let peer = offering(auth);
        let site = Site::new(
            &(server("peer", peer.port, &(credentials(PASSWORD) + more))
                + &server("wrong", peer.port, &(credentials("wr0ng-pass-99") + more))
                + &gateway("right", "peer", "a@sms.test", "")
                + &gateway("wrong", "wrong", "a@sms.test", "")),
        );
        let host = Host::start(&site);
        sent(&host, "right");
        assert_eq!(peer.arrived().len(), 1);
        let (outcome, code, detail) = refused(&host, "wrong", TO, TEXT);
        assert_eq!((outcome.as_str(), code.as_str()), ("misconfigured", "535"), "{used}: {detail}");
        assert!(detail.contains("wrong") || detail.contains("token not accepted"), "{used}: {detail}");
        assert!(!detail.contains("wr0ng"), "{detail}");
        let tried = peer.events("auth").iter().map(|event| event["mechanism"].clone()).collect::<Vec<_>>();
        assert_eq!(tried, [used, used], "a password is tried once, by one mechanism");
    }
}

#[test]
fn what_the_server_does_not_offer_is_misconfigured() {
    let (plain, none) = (offering(&["PLAIN"]), SmtpServer::start());
    let wanting = credentials(PASSWORD) + "auth = \"login\"";
    let site = Site::new(
        &(server("plain", plain.port, &wanting)
            + &server("none", none.port, &credentials(PASSWORD))
            + &server("nobody", plain.port, "")
            + &gateway("other", "plain", "a@sms.test", "")
            + &gateway("none", "none", "a@sms.test", "")
            + &gateway("nobody", "nobody", "a@sms.test", "")),
    );
    let host = Host::start(&site);
    for (name, code, words) in [
        ("other", "", "offers PLAIN for authentication, and not LOGIN"),
        ("none", "", "offers no authentication"),
        ("nobody", "530", "Authentication required"),
    ] {
        let (outcome, found, detail) = refused(&host, name, TO, TEXT);
        assert_eq!((outcome.as_str(), found.as_str()), ("misconfigured", code), "{name}: {detail}");
        assert!(detail.contains(words), "{name}: {detail}");
    }
    assert_eq!(plain.events("auth").len() + plain.arrived().len() + none.arrived().len(), 0);
}

#[test]
fn a_probe_authenticates_and_sends_nothing() {
    let peer = offering(&["PLAIN"]);
    let right =
        server("peer", peer.port, &credentials(PASSWORD)) + &gateway("mail", "peer", "a@sms.test", "");
    let site = Site::new(&right);
    let config = site.config();
    let arguments = ["check", "--probe", "--config", config.to_str().unwrap()];
    let ended = gatepost(&arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("takes the credentials"), "{ended:?}");
    assert_eq!((peer.events("auth").len(), peer.events("mail").len()), (1, 0));
    site.configure(&site.configuration().replace(PASSWORD, "wr0ng-pass-99"));
    let ended = gatepost(&arguments);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!((ended.stdout.clone() + &ended.stderr).contains("535"), "{ended:?}");
    assert!(!(ended.stdout.clone() + &ended.stderr).contains("wr0ng"), "{ended:?}");
}

//! Each answer has its outcome, and the service's own code and words.

use super::{TEXT, TO, gateway, service, with_password};
use gatepost_tests::{
    Host, Site,
    peers::{
        certificates::Authority,
        nginx::{Nginx, Tls},
    },
    refused, sent_with,
};

#[test]
fn each_answer_has_its_outcome_and_keeps_its_words() {
    let service = service();
    let expected = [
        // StatusCodes inside a 200.
        ("code/400", "", "misconfigured", "400", "StatusCode 400: the service says 400"),
        ("code/401", "", "rejected", "401", "StatusCode 401: the service says 401"),
        ("code/402", "", "unavailable", "402", "StatusCode 402: the service says 402"),
        ("code/404", "", "throttled", "404", "StatusCode 404: the service says 404"),
        ("code/407", "", "rejected", "407", "StatusCode 407: the service says 407"),
        ("code/412", "", "throttled", "412", "StatusCode 412: the service says 412"),
        ("code/500", "", "rejected", "500", "StatusCode 500: the service says 500"),
        ("code/503", "", "misconfigured", "503", "StatusCode 503: the service says 503"),
        ("code/525", "", "misconfigured", "525", "StatusCode 525: the service says 525"),
        ("code/900", "", "rejected", "900", "StatusCode 900: the service says 900"),
        ("code/201", "", "rejected", "201", "StatusCode 201: the service says 201"),
        // Faults inside a 200.
        ("fault/402", "", "unavailable", "402", "fault 402: the service faults with 402"),
        ("fault/412", "", "throttled", "412", "fault 412: the service faults with 412"),
        ("fault/508", "", "rejected", "508", "fault 508: the service faults with 508"),
        ("fault/200", "", "rejected", "200", "fault 200: the service faults with 200"),
        ("fault/-32601", "", "misconfigured", "-32601", "fault -32601: the service faults with -32601"),
        ("fault/-32603", "", "unavailable", "-32603", "fault -32603: the service faults with -32603"),
        ("fault/-32602", "", "rejected", "-32602", "fault -32602: the service faults with -32602"),
        // What is no answer of this service.
        ("page", "", "uncertain", "200", "no XML-RPC response"),
        ("bare", "", "uncertain", "200", "without a StatusCode"),
        ("endless", "", "uncertain", "200", "no XML-RPC response"),
        // HTTP's own.
        ("http/201", "", "uncertain", "201", "the server says 201"),
        ("http/302", "", "rejected", "302", "the server says 302"),
        ("http/400", "", "rejected", "400", "the server says 400"),
        ("http/401", "", "misconfigured", "401", "the server says 401"),
        ("http/403", "", "misconfigured", "403", "the server says 403"),
        ("http/404", "", "rejected", "404", "the server says 404"),
        ("http/407", "", "misconfigured", "407", "the server says 407"),
        ("http/408", "", "unavailable", "408", "the server says 408"),
        ("http/429", "", "throttled", "429", "the server says 429"),
        ("http/500", "", "unavailable", "500", "the server says 500"),
        ("http/503", "", "unavailable", "503", "the server says 503"),
        // The REST API.
        ("rest/200", "API = \"rest\"", "uncertain", "200", "the API says 200"),
        ("rest/400", "API = \"rest\"", "rejected", "400", "the API says 400"),
        ("rest/401", "API = \"rest\"", "misconfigured", "401", "the API says 401"),
        ("rest/402", "API = \"rest\"", "rejected", "402", "the API says 402"),
        ("rest/403", "API = \"rest\"", "misconfigured", "403", "the API says 403"),
        ("rest/429", "API = \"rest\"", "throttled", "429", "the API says 429"),
        ("rest/500", "API = \"rest\"", "unavailable", "500", "the API says 500"),
    ];
    let name = |path: &str| path.replace('/', "-").replace("--", "-minus-");
    let gateways =
        expected.map(|(path, more, ..)| gateway(&name(path), &format!("{}/{path}", service.origin()), more));
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for (path, _, outcome, code, says) in expected {
        let (found, found_code, detail) = refused(&host, &name(path), TO, TEXT);
        assert_eq!((found.as_str(), found_code.as_str()), (outcome, code), "{path}: {detail}");
        assert!(detail.contains(says), "{path}: {detail}");
    }
}

#[test]
fn wrong_credentials_are_misconfigured() {
    let service = service();
    let gateways = [
        with_password("rpc", "other-9912", &format!("{}/RPC2", service.origin()), ""),
        with_password("rest", "other-9912", &format!("{}/rest", service.origin()), "API = \"rest\""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for gateway in ["rpc", "rest"] {
        let (outcome, code, detail) = refused(&host, gateway, TO, TEXT);
        assert_eq!((outcome.as_str(), code.as_str()), ("misconfigured", "401"), "{detail}");
        assert!(detail.contains("wrong user or password"), "{detail}");
    }
    assert_eq!(service.arrived().len(), 2);
}

#[test]
fn certificates_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path());
    let serving = |name: &str| {
        let tls = Tls { server: Some(ours.server(name)), ..Tls::default() };
        let member = "<member><name>StatusCode</name><value><int>200</int></value></member>";
        Nginx::speaking(
            &tls,
            &format!(
                "location / {{ return 200 '<methodResponse><params><param><value><struct>{member}</struct></value></param></params></methodResponse>'; }}"
            ),
        )
    };
    let (right, misnamed) = (serving("127.0.0.1"), serving("sms.example"));
    let gateways = [
        gateway("right", &format!("{}/RPC2", right.origin()), ""),
        gateway("misnamed", &format!("{}/RPC2", misnamed.origin()), ""),
    ];
    let site = Site::new(&gateways.concat());
    let trusting = Host::start_in(&site, &[("SSL_CERT_FILE", ours.certificate().to_str().unwrap())]);
    sent_with(&trusting, "right", TO, TEXT);
    let arrived = right.only();
    assert!(
        arrived.body().contains("<name>Content</name><value><string>Your code is 123456</string>"),
        "{arrived:?}"
    );
    let (outcome, _, detail) = refused(&trusting, "misnamed", TO, TEXT);
    assert_eq!(outcome, "unavailable", "{detail}");
    assert!(detail.contains("certificate"), "{detail}");
    drop(trusting);

    let host = Host::start(&site);
    let (outcome, _, detail) = refused(&host, "right", TO, TEXT);
    assert_eq!(outcome, "unavailable", "{detail}");
    assert!(detail.contains("certificate"), "{detail}");
    assert_eq!((right.arrived().len(), misnamed.arrived().len()), (1, 0));
}

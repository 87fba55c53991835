mod batch;
mod connections;
mod document;
mod history;
mod reach;
mod receipts;
mod reload;

use super::*;
use crate::{
    config::{ApiKey, Config, Reach, Scope},
    delivery::Delivery,
    gateway::{Gateway, Limits},
    message::{Clock, Outcome, OutcomeKind},
    plugin::fake::{FakeProvider, NOON},
    store::memory::MemoryStore,
    telemetry::metrics::Metrics,
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, request::Builder},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower::ServiceExt as _;

/// Nobody changes how such a host runs: what a reload does is seen from outside, in tests of the whole.
#[derive(Debug)]
struct Unchangeable;

impl Control for Unchangeable {
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, NotReloaded>> {
        std::future::ready(Err(NotReloaded::Stopping)).boxed()
    }

    fn change(&self, _: Edit) -> BoxFuture<'_, Result<Reloaded, NotReloaded>> {
        self.reload()
    }
}

struct Host {
    router: Router,
    acceptor: Arc<Acceptor>,
    ending: CancellationToken,
}

impl Host {
    async fn new(max_queued: u64, keys: Vec<ApiKey>) -> Self {
        Self::build(max_queued, keys, Vec::new()).await
    }

    async fn with_routes(routes: Vec<crate::config::Route>) -> Self {
        Self::build(10, Vec::new(), routes).await
    }

    async fn build(max_queued: u64, keys: Vec<ApiKey>, routes: Vec<crate::config::Route>) -> Self {
        let store = Arc::new(MemoryStore::default());
        let clock = Clock::starting_at(NOON);
        let gateway = |name: &str, provider| Gateway::new(name, provider, Limits::default());
        let refusing = FakeProvider::new(|_| {
            async { Outcome { code: Some("42".into()), ..Outcome::new(OutcomeKind::Rejected, "barred") } }
                .boxed()
        });
        let gateways = vec![
            gateway("quick", FakeProvider::accepting(Duration::from_millis(10))),
            gateway("stuck", FakeProvider::new(|_| std::future::pending().boxed())),
            gateway("strict", refusing),
        ];
        let delivery = Delivery::start(store.clone(), gateways, clock, Arc::new(Metrics::new().unwrap()));
        let mut config = Config { routes, api_keys: keys, ..Config::empty() };
        config.store.max_queued = max_queued;
        let snapshot = Snapshot::first(Arc::new(config), Arc::default(), &delivery);
        let metrics = Arc::new(Metrics::new().unwrap());
        let acceptor = Arc::new(Acceptor::new(store, delivery, snapshot, clock, metrics));
        let ending = CancellationToken::new();
        let router = Api::new(Arc::clone(&acceptor), Arc::new(Unchangeable), ending.clone()).router();
        Self { router, acceptor, ending }
    }

    async fn call(&self, request: Request) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        (head.status, head.headers, body)
    }

    async fn post(&self, query: &str, gateway: &str) -> (StatusCode, axum::http::HeaderMap, Value) {
        self.call(post(query).body(message(gateway)).unwrap()).await
    }
}

/// A figure that nobody looks at.
fn open() -> prometheus::IntGauge {
    Metrics::new().unwrap().requests.connections
}

fn request(method: Method, uri: &str) -> Builder {
    Request::builder().method(method).uri(uri).header("host", "localhost:8025")
}

fn post(query: &str) -> Builder {
    request(Method::POST, &format!("/v1/messages{query}"))
        .header("content-type", "application/json; charset=utf-8")
}

/// A key that is its name.
fn key(name: &str, scopes: &[Scope]) -> ApiKey {
    ApiKey {
        name: name.into(),
        sha256: Sha256::digest(name).into(),
        scopes: scopes.to_vec(),
        reach: Reach::default(),
        rate: None,
        callback_url: None,
    }
}

fn message(gateway: &str) -> Body {
    Body::from(json!({ "to": "+491701234567", "text": "hello", "gateway": gateway }).to_string())
}

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_with_where_it_is() {
    let host = Host::new(10, Vec::new()).await;
    let (status, headers, body) = host.post("", "quick").await;
    assert_eq!((status, &body["state"]), (StatusCode::ACCEPTED, &json!("queued")));
    let location = headers["location"].to_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/messages/{}", body["id"].as_str().unwrap()));
    assert_eq!(headers["cache-control"], "no-store");
    let shown = host.call(request(Method::GET, &location).body(Body::empty()).unwrap()).await;
    assert_eq!((shown.0, &shown.2["id"]), (StatusCode::OK, &body["id"]));
    for member in ["text", "title", "data"] {
        assert_eq!(shown.2.get(member), None, "{member}");
    }
    let head = host.call(request(Method::HEAD, &location).body(Body::empty()).unwrap()).await;
    assert_eq!((head.0, head.2), (StatusCode::OK, Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_outcome_or_with_its_time() {
    let host = Host::new(10, Vec::new()).await;
    let (status, _, body) = host.post("?wait=10", "quick").await;
    assert_eq!((status, &body["state"]), (StatusCode::OK, &json!("sent")));
    let states = body["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap());
    assert_eq!(states.collect::<Vec<_>>(), ["queued", "sending", "sent"]);

    let (status, _, body) = host.post("?wait=10", "strict").await;
    assert_eq!((status, &body["status"]), (StatusCode::BAD_GATEWAY, &json!(502)));
    assert_eq!(body["message"]["reason"], "rejected");
    assert_eq!(body["detail"], "gateway strict: rejected: barred");

    let preferred = post("").header("prefer", "respond-async, wait=2").body(message("stuck")).unwrap();
    let (status, headers, body) = host.call(preferred).await;
    assert_eq!((status, &body["state"]), (StatusCode::ACCEPTED, &json!("sending")));
    assert_eq!(headers["preference-applied"], "wait=2");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_host_ends_every_wait() {
    let host = Host::new(10, Vec::new()).await;
    let ending = host.ending.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ending.cancel();
    });
    let (status, _, body) = host.post("?wait=60", "stuck").await;
    assert_eq!((status, &body["state"]), (StatusCode::ACCEPTED, &json!("sending")));
}

#[tokio::test(start_paused = true)]
async fn every_error_is_a_problem() {
    let host = Host::new(1, Vec::new()).await;
    let large = Body::from(vec![b' '; (1 << 20) + 1]);
    let cases = [
        (request(Method::GET, "/nothing").body(Body::empty()).unwrap(), 404),
        (request(Method::GET, "/v1/messages/1").body(Body::empty()).unwrap(), 404),
        (
            request(Method::GET, "/v1/messages/0190c2a0-0000-7000-8000-000000000000")
                .body(Body::empty())
                .unwrap(),
            404,
        ),
        (request(Method::GET, "/v1/messages/%ff").body(Body::empty()).unwrap(), 404),
        (request(Method::GET, "/v1/messages/1?key=x").body(Body::empty()).unwrap(), 422),
        (request(Method::GET, "/healthz").header("host", "evil.example").body(Body::empty()).unwrap(), 421),
        (request(Method::PUT, "/v1/messages").body(Body::empty()).unwrap(), 405),
        (request(Method::POST, "/v1/messages").body(message("quick")).unwrap(), 415),
        (post("").header("idempotency-key", "a b").body(message("quick")).unwrap(), 422),
        (post("?wait=61").body(message("quick")).unwrap(), 422),
        (post("?api_key=x").body(message("quick")).unwrap(), 422),
        (post("").body(large).unwrap(), 413),
        (post("").body(Body::from("{")).unwrap(), 400),
        (post("").body(Body::from(&b"{\"to\":\"\xff\"}"[..])).unwrap(), 400),
        (post("").body(Body::from("[".repeat(100_000))).unwrap(), 400),
        (post("").body(Body::from("{}")).unwrap(), 422),
        (Request::builder().uri("/healthz").header("host", "evil.example").body(Body::empty()).unwrap(), 421),
        (Request::builder().uri("/healthz").body(Body::empty()).unwrap(), 421),
    ];
    for (request, expected) in cases {
        let what = format!("{} {}", request.method(), request.uri());
        let (status, headers, body) = host.call(request).await;
        assert_eq!((status.as_u16(), &body["status"]), (expected, &json!(expected)), "{what}: {body}");
        assert_eq!(headers["content-type"], "application/problem+json", "{what}");
        assert!(body["type"].is_string() && body["title"].is_string(), "{what}: {body}");
        assert_eq!(headers.contains_key("allow"), expected == 405, "{what}");
    }
    host.post("", "stuck").await;
    let (status, headers, body) = host.post("", "stuck").await;
    assert_eq!(
        (status, &headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &HeaderValue::from_static("10"))
    );
    assert!(body["detail"].as_str().unwrap().contains("max_queued"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_key_sees_its_own_messages() {
    let keys = vec![
        key("app", &[Scope::Send]),
        key("other", &[Scope::Send]),
        key("auditor", &[Scope::Read]),
        key("none", &[]),
    ];
    let host = Host::new(10, keys).await;
    let as_app = |builder: Builder| builder.header("authorization", "bearer app");
    let (_, _, body) = host.call(as_app(post("")).body(message("quick")).unwrap()).await;
    let path = format!("/v1/messages/{}", body["id"].as_str().unwrap());
    // `YXBwOmFwcA==` is `app:app`.
    for (authorization, expected) in [
        ("Bearer app", 200),
        ("Basic YXBwOmFwcA==", 200),
        ("Bearer auditor", 200),
        ("Bearer other", 404),
        ("Bearer none", 403),
        ("Bearer nobody", 401),
        ("Bearer ", 401),
        ("Basic !!!", 401),
        ("Digest app", 401),
    ] {
        let request = request(Method::GET, &path).header("authorization", authorization);
        let (status, headers, _) = host.call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status.as_u16(), expected, "{authorization}");
        assert_eq!(headers.contains_key("www-authenticate"), expected == 401, "{authorization}");
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_shows_the_gateways() {
    let host = Host::new(10, Vec::new()).await;
    let (status, _, body) = host.call(request(Method::GET, "/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        body,
        json!({ "status": "ready", "gateways": { "quick": "up", "stuck": "up", "strict": "up" } })
    );
}

/// Serves at an address, until the first token is cancelled; has everything end when the second is.
async fn serving(
    host: &Host,
    connections: usize,
) -> (SocketAddr, CancellationToken, CancellationToken, JoinHandle<()>) {
    counted(host, connections, open()).await
}

/// The same, and says how many connections there are.
async fn counted(
    host: &Host,
    connections: usize,
    open: prometheus::IntGauge,
) -> (SocketAddr, CancellationToken, CancellationToken, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let door = Door { listener, tls: None, connections, open };
    (address, stop.clone(), ended.clone(), tokio::spawn(serve(door, host.router.clone(), stop, ended)))
}

/// A connection that says nothing more is ended, so that nobody can hold them all.
#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_ends_the_connection() {
    let host = Host::new(10, Vec::new()).await;
    let (address, stop, ended, serving) = serving(&host, 10).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));

    let mut good = TcpStream::connect(address).await.unwrap();
    good.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    good.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stop.cancel();
    ended.cancel();
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

/// Neither is there anybody to tell which HTTP is spoken, nor a head whose time runs.
#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_ended() {
    let host = Host::new(10, Vec::new()).await;
    let (address, stop, ended, serving) = serving(&host, 10).await;
    let openings: [&[u8]; 3] = [b"", b"PRI * HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"];
    for opening in openings {
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(opening).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(25), silent.read_to_end(&mut answer)).await;
        // A reset is an end too.
        assert!(closed.is_ok(), "{}", String::from_utf8_lossy(opening));
    }

    let mut waits = TcpStream::connect(address).await.unwrap();
    let body = json!({ "to": "+491701234567", "text": "hello", "gateway": "stuck" }).to_string();
    let head = format!(
        "POST /v1/messages?wait=25 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    waits.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    waits.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "a request that takes longer is answered: {answer}");
    stop.cancel();
    ended.cancel();
    serving.await.unwrap();
}

fn json_body(body: &Value) -> Body {
    Body::from(body.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_is_answered_with_its_first_message() {
    let host = Host::new(10, Vec::new()).await;
    let send = async |query: &str, key: &str, gateway| {
        host.call(post(query).header("idempotency-key", key).body(message(gateway)).unwrap()).await
    };
    let (status, _, first) = send("", "order-1", "quick").await;
    assert_eq!(status, 202);
    tokio::time::sleep(Duration::from_secs(1)).await;
    // As it stands now; with a wait, with its outcome.
    let (status, headers, again) = send("", "order-1", "quick").await;
    assert_eq!((status.as_u16(), &again["id"], &again["state"]), (202, &first["id"], &"sent".into()));
    assert_eq!(headers["location"], format!("/v1/messages/{}", first["id"].as_str().unwrap()));
    let (status, _, again) = send("?wait=5", "order-1", "quick").await;
    assert_eq!((status.as_u16(), &again["id"]), (200, &first["id"]));
    let (status, _, problem) = send("", "order-1", "stuck").await;
    assert_eq!((status.as_u16(), &problem["type"]), (409, &"urn:gatepost:problem:key-reused".into()));
    let (status, _, other) = send("", "order-2", "quick").await;
    assert!(status == 202 && other["id"] != first["id"]);
    for key in ["", "a b", "ä", &"x".repeat(256)] {
        assert_eq!(send("", key, "quick").await.0, 422, "{key}");
    }
    let twice = post("").header("idempotency-key", "1").header("idempotency-key", "1");
    assert_eq!(host.call(twice.body(message("quick")).unwrap()).await.0, 422);
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_can_be_canceled_by_its_sender() {
    let keys = vec![
        key("app", &[Scope::Send]),
        key("web", &[Scope::Send]),
        key("eye", &[Scope::Read]),
        key("root", &[Scope::Admin]),
    ];
    let host = Host::new(10, keys).await;
    let later = json!({ "to": "1234", "text": "x", "gateway": "quick", "send_at": "2026-01-01T13:00:00Z" });
    let create = async || {
        let request = post("").header("authorization", "Bearer app").body(json_body(&later)).unwrap();
        host.call(request).await.2["id"].as_str().unwrap().to_owned()
    };
    let cancel = async |id: &str, key: &str| {
        let uri = format!("/v1/messages/{id}");
        let request = request(Method::DELETE, &uri).header("authorization", format!("Bearer {key}"));
        let (status, _, body) = host.call(request.body(Body::empty()).unwrap()).await;
        (status.as_u16(), body["state"].as_str().map(str::to_owned))
    };
    let canceled = (200, Some("canceled".to_owned()));
    let (own, others) = (create().await, create().await);
    assert_eq!(cancel(&own, "web").await.0, 404);
    assert_eq!(cancel(&own, "eye").await.0, 403);
    assert_eq!(cancel(&own, "app").await, canceled);
    assert_eq!(cancel(&own, "app").await.0, 409);
    assert_eq!(cancel(&others, "root").await, canceled);
    assert_eq!(cancel("01a20dd4-9d13-742c-b3ec-358b8a0aa766", "root").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_route_explains_itself() {
    let host = Host::with_routes(vec![crate::config::Route {
        name: "default".into(),
        gateways: vec!["strict".into(), "quick".into()],
        strategy: crate::config::Strategy::Failover,
        matching: None,
    }])
    .await;
    let get = async |uri: &str| host.call(request(Method::GET, uri).body(Body::empty()).unwrap()).await;
    let (status, _, body) = get("/v1/routes").await;
    let route =
        json!({ "name": "default", "gateways": ["strict", "quick"], "strategy": "failover", "match": null });
    assert_eq!((status.as_u16(), body), (200, json!({ "routes": [route] })));
    let (status, _, body) = get("/v1/routes/explain?to=%2B4917012&tag=login").await;
    let up = |name: &str| json!({ "name": name, "usable": true, "why": "up" });
    assert_eq!(
        (status.as_u16(), body),
        (200, json!({ "route": "default", "gateways": [up("strict"), up("quick")] }))
    );
    for bad in ["", "?tag=x", "?to=", "?to=1&to=2", "?to=1&colour=red"] {
        assert_eq!(get(&format!("/v1/routes/explain{bad}")).await.0, 422, "{bad}");
    }
    let (status, _, body) = get("/v1/routes/explain?to=+4917012").await;
    assert_eq!(status, 422);
    assert!(body["detail"].as_str().unwrap().contains("%2B"), "{body}");
    // Taken, failed over, and shown.
    let body = json!({ "to": "1234", "text": "x" });
    let (status, _, sent) = host.call(post("?wait=5").body(json_body(&body)).unwrap()).await;
    assert_eq!(
        (status.as_u16(), &sent["route"], &sent["gateway"]),
        (200, &"default".into(), &"quick".into())
    );
    assert_eq!(sent["attempts"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_no_route_fits_nothing_is_explained_and_nothing_taken() {
    let host = Host::with_routes(vec![crate::config::Route {
        name: "german".into(),
        gateways: vec!["quick".into()],
        strategy: crate::config::Strategy::Failover,
        matching: Some(crate::config::Match { prefix: vec!["+49".into()], tag: Vec::new() }),
    }])
    .await;
    let explain = request(Method::GET, "/v1/routes/explain?to=%2B1555").body(Body::empty()).unwrap();
    let (status, headers, body) = host.call(explain).await;
    assert_eq!((status.as_u16(), &body["type"]), (404, &"urn:gatepost:problem:no-such-route".into()));
    assert_eq!(headers["content-type"], "application/problem+json");
    let (status, _, body) =
        host.call(post("").body(json_body(&json!({ "to": "+1555", "text": "x" }))).unwrap()).await;
    assert_eq!((status.as_u16(), &body["errors"][0]["pointer"]), (422, &"/gateway".into()));
    let (status, _, body) =
        host.call(post("").body(json_body(&json!({ "to": "+49170", "text": "x" }))).unwrap()).await;
    assert_eq!((status.as_u16(), &body["route"]), (202, &"german".into()));
}

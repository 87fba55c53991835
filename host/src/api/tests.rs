use super::*;
use crate::{
    config::Scope,
    delivery::Delivery,
    gateway::Gateway,
    message::{Clock, Outcome, OutcomeKind},
    plugin::fake::{FakeProvider, NOON},
    store::memory::MemoryStore,
};
use axum::{
    body::Body,
    http::{Method, request::Builder},
};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt as _;

struct Host {
    router: Router,
    ending: CancellationToken,
}

impl Host {
    async fn new(max_queued: u64, keys: Vec<ApiKey>) -> Self {
        let store = Arc::new(MemoryStore::default());
        let clock = Clock::starting_at(NOON);
        let gateway = |name: &str, provider| Gateway::new(name, provider, Duration::from_secs(600), None, 64);
        let refusing = FakeProvider::new(|_| {
            async { Outcome { code: Some("42".into()), ..Outcome::new(OutcomeKind::Rejected, "barred") } }
                .boxed()
        });
        let gateways = vec![
            gateway("quick", FakeProvider::accepting(Duration::from_millis(10))),
            gateway("stuck", FakeProvider::new(|_| std::future::pending().boxed())),
            gateway("strict", refusing),
        ];
        let delivery = Delivery::start(store.clone(), gateways, clock).await.unwrap();
        let acceptor = Arc::new(Acceptor::new(store, delivery, clock, max_queued));
        let ending = CancellationToken::new();
        Self { router: Api::new(acceptor, keys, ending.clone()).router(), ending }
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

fn request(method: Method, uri: &str) -> Builder {
    Request::builder().method(method).uri(uri).header("host", "localhost:8025")
}

fn post(query: &str) -> Builder {
    request(Method::POST, &format!("/v1/messages{query}"))
        .header("content-type", "application/json; charset=utf-8")
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
        (post("").header("idempotency-key", "1").body(message("quick")).unwrap(), 422),
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
    let key = |name: &str, scopes: &[Scope]| ApiKey {
        name: name.into(),
        sha256: Sha256::digest(format!("{name}-key")).into(),
        scopes: scopes.to_vec(),
    };
    let keys = vec![
        key("app", &[Scope::Send]),
        key("other", &[Scope::Send]),
        key("auditor", &[Scope::Read]),
        key("none", &[]),
    ];
    let host = Host::new(10, keys).await;
    let as_app = |builder: Builder| builder.header("authorization", "bearer app-key");
    let (_, _, body) = host.call(as_app(post("")).body(message("quick")).unwrap()).await;
    let path = format!("/v1/messages/{}", body["id"].as_str().unwrap());
    // `YXBwOmFwcC1rZXk=` is `app:app-key`.
    for (authorization, expected) in [
        ("Bearer app-key", 200),
        ("Basic YXBwOmFwcC1rZXk=", 200),
        ("Bearer auditor-key", 200),
        ("Bearer other-key", 404),
        ("Bearer none-key", 403),
        ("Bearer nobody", 401),
        ("Bearer ", 401),
        ("Basic !!!", 401),
        ("Digest app-key", 401),
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

/// A connection that says nothing more is ended, so that nobody can hold them all.
#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_ends_the_connection() {
    let host = Host::new(10, Vec::new()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, host.router.clone(), stop.clone(), ended.clone()));
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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, host.router.clone(), stop.clone(), ended.clone()));
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

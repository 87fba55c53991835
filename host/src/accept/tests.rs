use super::*;
use crate::{
    config::{self, Config, Match, Strategy},
    gateway::{Gateway, Limits},
    message::OutcomeKind,
    plugin::fake::{FakeProvider, NOON},
    store::memory::MemoryStore,
    telemetry::metrics::Metrics,
};
use serde_json::json;

impl Acceptor {
    /// Of a host with these gateways.
    fn on(store: Arc<MemoryStore>, gateways: Vec<Gateway>, config: Config) -> Self {
        let (clock, metrics) = (Clock::starting_at(NOON), Arc::new(Metrics::new().unwrap()));
        let delivery = Delivery::start(store.clone(), gateways, clock, Arc::clone(&metrics));
        let snapshot = Snapshot::first(Arc::new(config), Arc::default(), &delivery);
        Self::new(store, delivery, snapshot, clock, metrics)
    }

    /// What a request does that comes now.
    async fn take(&self, body: &Value, caller: &Caller, wishes: &Wishes) -> Result<Accepted, Refusal> {
        self.accept(&self.snapshot(), body, caller, wishes).await
    }
}

/// A host that may hold so many messages.
fn holding(max_queued: u64) -> Config {
    let mut config = Config::empty();
    config.store.max_queued = max_queued;
    config
}

async fn acceptor(max_queued: u64) -> (Acceptor, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let provider = FakeProvider::new(|_| Box::pin(std::future::pending()));
    let gateway = Gateway::new("clickatell", provider, Limits::default());
    (Acceptor::on(store.clone(), vec![gateway], holding(max_queued)), store)
}

fn waiting() -> Wishes {
    Wishes { wait: true, ..Wishes::default() }
}

async fn refused(body: Value) -> Vec<(String, String)> {
    let (acceptor, store) = acceptor(10).await;
    let refusal = acceptor.take(&body, &Caller::default(), &Wishes::default()).await.unwrap_err();
    assert_eq!(store.unfinished(), 0, "nothing is stored of what is refused");
    match refusal {
        Refusal::Invalid(errors) => errors.into_iter().map(|error| (error.pointer, error.detail)).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_bad_field_is_named() {
    let good = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    let cases = [
        ("/to", json!({"to": null}), "is missing"),
        ("/to", json!({"to": 491701234567_u64}), "not a number: put it in quotes"),
        ("/to", json!({"to": ["+49"]}), "must be a string, not a list"),
        ("/to", json!({"to": " "}), "must not be empty"),
        ("/to", json!({"to": "+49\r\n"}), "control characters"),
        ("/to", json!({"to": "1".repeat(4097)}), "longer than 4096"),
        ("/text", json!({"text": null}), "is missing"),
        ("/text", json!({"text": 123456}), "not a number: put it in quotes"),
        ("/text", json!({"text": ""}), "must not be empty"),
        ("/text", json!({"text": "a\u{0}b"}), "NUL"),
        ("/gateway", json!({"gateway": null}), "is missing"),
        ("/gateway", json!({"gateway": "clikatell"}), "did you mean `clickatell`?"),
        ("/route", json!({"route": "default"}), "exclude each other"),
        ("/route", json!({"gateway": null, "route": "default"}), "there is no such route"),
        ("/txt", json!({"txt": "hello"}), "unknown member; did you mean `text`?"),
        ("/a~1b~0", json!({"a/b~": 1}), "unknown member"),
        ("/priority", json!({"priority": "urgent"}), "\"high\", \"normal\" or \"low\""),
        ("/valid_for", json!({"valid_for": 120}), "not a number"),
        ("/valid_for", json!({"valid_for": "2 minutes"}), "is no duration"),
        ("/valid_for", json!({"valid_for": "0s"}), "at least 1 second"),
        ("/send_at", json!({"send_at": "tomorrow"}), "is no RFC 3339 time"),
        ("/send_at", json!({"send_at": "2026-01-02T13Z"}), "is no RFC 3339 time"),
        ("/send_at", json!({"send_at": "2026-03-01T12:00:00Z"}), "at most 30 days ahead"),
        (
            "/callback_url",
            json!({"callback_url": "https://app.example/hook"}),
            "https://app.example is not allowed",
        ),
        ("/callback_url", json!({"callback_url": "/hook"}), "is no URL"),
        ("/callback_url", json!({"callback_url": "ftp://app.example/hook"}), "does not start with http"),
        ("/callback_url", json!({"callback_url": "https://me:pw@app.example/"}), "has a user or a password"),
        ("/callback_url", json!({"callback_url": ["https://app.example"]}), "must be a string, not a list"),
        ("/data", json!({"data": "x"}), "must be a JSON object"),
        ("/tag", json!({"tag": "a\nb"}), "control characters"),
        ("/from", json!({"from": "x".repeat(257)}), "longer than 256"),
    ];
    for (pointer, change, fragment) in cases {
        let mut body = good.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let errors = refused(body).await;
        assert_eq!(errors.len(), 1, "{change}: {errors:?}");
        assert_eq!(errors[0].0, pointer, "{change}");
        assert!(errors[0].1.contains(fragment), "{change}: {errors:?}");
        assert!(!errors[0].1.contains("123456"), "no error quotes a text");
    }
}

#[tokio::test(start_paused = true)]
async fn all_bad_fields_are_named_at_once() {
    let errors = refused(json!({"to": 1, "text": 2, "gateway": 3, "priority": 4, "colour": 5})).await;
    let mut pointers = errors.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/colour", "/gateway", "/priority", "/text", "/to"]);
    assert_eq!(refused(json!([])).await[0].1, "must be a JSON object, not a list");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_said_gets_its_default() {
    let (acceptor, _) = acceptor(10).await;
    let body = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    let caller = Caller { api_key: Some("app".into()), ..Caller::default() };
    let message = acceptor.take(&body, &caller, &Wishes::default()).await.unwrap().message;
    assert_eq!((message.priority, message.created_at), (Priority::Normal, NOON));
    assert_eq!(message.expires_at, NOON.plus(Duration::from_secs(600)));
    assert_eq!(message.api_key.as_deref(), Some("app"));
    // Somebody waits for it: a code.
    assert_eq!(acceptor.take(&body, &caller, &waiting()).await.unwrap().message.priority, Priority::High);
    let push =
        json!({"to": "token", "data": {"z": "1", "a": "2"}, "gateway": "clickatell", "valid_for": "90s"});
    let message = acceptor.take(&push, &caller, &Wishes::default()).await.unwrap().message;
    assert_eq!(message.expires_at, NOON.plus(Duration::from_secs(90)));
    assert_eq!(message.reason, None::<OutcomeKind>);
}

#[tokio::test(start_paused = true)]
async fn over_the_bound_of_unfinished_messages_it_is_refused() {
    let (acceptor, store) = acceptor(2).await;
    let body = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    for _ in 0..2 {
        acceptor.take(&body, &Caller::default(), &Wishes::default()).await.unwrap();
    }
    let refusal = acceptor.take(&body, &Caller::default(), &Wishes::default()).await.unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Overloaded { reason, .. } if reason.contains("max_queued")),
        "{refusal:?}"
    );
    assert_eq!(store.unfinished(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_closed_store_means_that_the_host_stops() {
    let (acceptor, store) = acceptor(2).await;
    store.close().await;
    let body = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    let refusal = acceptor.take(&body, &Caller::default(), &Wishes::default()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Stopping), "{refusal:?}");
}

#[tokio::test(start_paused = true)]
async fn routes_are_taken_by_name_by_match_and_by_default() {
    let store = Arc::new(MemoryStore::default());
    let gateway = |name: &str, seconds| {
        let provider = FakeProvider::new(|_| Box::pin(std::future::pending()));
        Gateway::new(name, provider, Limits { valid_for: Duration::from_secs(seconds), ..Limits::default() })
    };
    let route = |name: &str, gateways: &[&str], matching| config::Route {
        name: name.into(),
        gateways: gateways.iter().map(|&name| name.to_owned()).collect(),
        strategy: Strategy::Failover,
        matching,
    };
    let german = Match { prefix: vec!["+49".into()], tag: Vec::new() };
    let routes = vec![route("german", &["b"], Some(german)), route("default", &["a", "b"], None)];
    let config = Config { routes, ..Config::empty() };
    let acceptor = Acceptor::on(store, vec![gateway("a", 60), gateway("b", 300)], config);
    let accept =
        async |body| acceptor.take(&body, &Caller::default(), &Wishes::default()).await.unwrap().message;
    let message = accept(json!({"to": "+1555", "text": "x"})).await;
    assert_eq!((message.route.as_deref(), message.gateway.as_str()), (Some("default"), "a"));
    // As long as the longest of its gateways allows.
    assert_eq!(message.expires_at, NOON.plus(Duration::from_secs(300)));
    let message = accept(json!({"to": "+49170", "text": "x"})).await;
    assert_eq!((message.route.as_deref(), message.gateway.as_str()), (Some("german"), "b"));
    let message = accept(json!({"to": "+49170", "text": "x", "route": "default"})).await;
    assert_eq!(message.route.as_deref(), Some("default"));
    let message = accept(json!({"to": "+49170", "text": "x", "gateway": "a"})).await;
    assert_eq!((message.route, message.expires_at), (None, NOON.plus(Duration::from_secs(60))));

    let later =
        json!({"to": "+1555", "text": "x", "send_at": "2026-01-02T12:00:00+00:00", "valid_for": "10s"});
    let message = accept(later).await;
    assert_eq!(message.expires_at, NOON.plus(Duration::from_secs(86_410)));
    let past = accept(json!({"to": "+1555", "text": "x", "send_at": "2020-01-02T12:00:00Z"})).await;
    assert_eq!(past.expires_at, NOON.plus(Duration::from_secs(300)));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_takes_nobodys_turn() {
    let store = Arc::new(MemoryStore::default());
    let provider = || FakeProvider::new(|_| Box::pin(std::future::pending()));
    let gateways = ["a", "b"].map(|name| Gateway::new(name, provider(), Limits::default()));
    let shared = config::Route {
        name: "default".into(),
        gateways: vec!["a".into(), "b".into()],
        strategy: Strategy::RoundRobin,
        matching: None,
    };
    let config = Config { routes: vec![shared], ..Config::empty() };
    let acceptor = Acceptor::on(store, gateways.into(), config);
    let mut taken = String::new();
    for _ in 0..4 {
        let accept = async |body| acceptor.take(&body, &Caller::default(), &Wishes::default()).await;
        accept(json!({"to": "+1555", "text": ""})).await.unwrap_err();
        taken += &accept(json!({"to": "+1555", "text": "x"})).await.unwrap().message.gateway;
    }
    assert_eq!(taken, "abab");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_cannot_be_taken_is_one_error() {
    let errors = refused(json!({"to": "+1555", "text": "x", "tag": "a\nb"})).await;
    assert_eq!(errors.len(), 1, "no route is missed for it: {errors:?}");
    assert_eq!(errors[0].0, "/tag");
}

#[tokio::test(start_paused = true)]
async fn a_key_stands_for_its_first_request() {
    let (acceptor, store) = acceptor(10).await;
    let body = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    let (app, web) = (
        Caller { api_key: Some("app".into()), ..Caller::default() },
        Caller { api_key: Some("web".into()), ..Caller::default() },
    );
    let once = Wishes { key: Some("order-1".into()), ..Wishes::default() };
    let first = acceptor.take(&body, &app, &once).await.unwrap().message;
    // Written otherwise, it is the same.
    let again = serde_json::from_str(&body.to_string().replace(',', " ,\n")).unwrap();
    assert_eq!(acceptor.take(&again, &app, &once).await.unwrap().message.id, first.id);
    let other = json!({"to": "+491701234567", "text": "other", "gateway": "clickatell"});
    let refusal = acceptor.take(&other, &app, &once).await.unwrap_err();
    assert!(matches!(refusal, Refusal::KeyReused), "{refusal:?}");
    assert_ne!(acceptor.take(&other, &web, &once).await.unwrap().message.id, first.id);
    assert_eq!(store.unfinished(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_order_of_members_makes_no_other_request() {
    let (acceptor, store) = acceptor(10).await;
    let once = Wishes { key: Some("order-1".into()), ..Wishes::default() };
    let send = async |text: &str| {
        let body = serde_json::from_str(text).unwrap();
        acceptor.take(&body, &Caller::default(), &once).await.map(|accepted| accepted.message.id)
    };
    let first =
        send(r#"{"to": "a", "data": {"p": {"x": 1, "y": 2}, "q": 3}, "gateway": "clickatell"}"#).await;
    let same = send(r#"{"gateway": "clickatell", "data": {"q": 3, "p": {"y": 2, "x": 1}}, "to": "a"}"#).await;
    assert_eq!(same.unwrap(), first.unwrap());
    // The order of a list does have a meaning.
    let list = send(r#"{"to": "a", "data": {"p": [1, 2]}, "gateway": "clickatell"}"#).await;
    assert!(matches!(list, Err(Refusal::KeyReused)), "{list:?}");
    assert_eq!(store.unfinished(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_answered_whatever_has_become_of_the_host() {
    let (acceptor, store) = acceptor(1).await;
    let once = Wishes { key: Some("order-1".into()), ..Wishes::default() };
    let body = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    let first = acceptor.take(&body, &Caller::default(), &once).await.unwrap().message;
    // As many messages as there may be.
    let again = acceptor.take(&body, &Caller::default(), &once).await.unwrap().message;
    assert_eq!(again.id, first.id);

    // Another host, whose configuration has no such gateway any more.
    let acceptor = Acceptor::on(store, Vec::new(), holding(10));
    let again = acceptor.take(&body, &Caller::default(), &once).await.unwrap().message;
    assert_eq!(again.id, first.id);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_told_where_it_says_else_where_its_key_says() {
    let store = Arc::new(MemoryStore::default());
    let provider = FakeProvider::new(|_| Box::pin(std::future::pending()));
    let mut config = Config::empty();
    config.webhooks.allow = ["https://app.example".to_owned()].into();
    let gateway = Gateway::new("clickatell", provider, Limits::default());
    let acceptor = Acceptor::on(store.clone(), vec![gateway], config);
    let endpoint = |url| Endpoint::parse(url).unwrap();
    let key = Caller {
        api_key: Some("app".into()),
        callback_url: Some(endpoint("https://app.example/key")),
        ..Caller::default()
    };
    for (caller, said, told) in [
        (&key, json!(null), Some("https://app.example/key")),
        (&key, json!("https://app.example/own"), Some("https://app.example/own")),
        (&key, json!("HTTPS://APP.example:443/own?a=b"), Some("https://app.example/own?a=b")),
        (&Caller::default(), json!("https://app.example/own"), Some("https://app.example/own")),
        (&Caller::default(), json!(null), None),
    ] {
        let body = json!({"to": "+49", "text": "hello", "gateway": "clickatell", "callback_url": said});
        let accepted = acceptor.take(&body, caller, &Wishes::default()).await.unwrap();
        let message = store.message(accepted.message.id).await.unwrap().unwrap();
        assert_eq!(message.callback_url.as_deref(), told, "{said}");
    }
    let other = json!({"to": "+49", "text": "hello", "gateway": "clickatell", "callback_url": "https://app.example:8443/"});
    let refusal = acceptor.take(&other, &key, &Wishes::default()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Invalid(errors) if errors[0].pointer == "/callback_url"));
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_counted_though_its_sender_has_hung_up() {
    let (acceptor, store) = acceptor(10).await;
    let body = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    let (caller, wishes) = (Caller::default(), Wishes::default());
    let mut accept = Box::pin(acceptor.take(&body, &caller, &wishes));
    // It is handed to the store, and its sender hangs up before that has answered.
    assert!((&mut accept).now_or_never().is_none());
    drop(accept);
    assert_eq!(store.unfinished(), 1);
    let figures = || async { String::from_utf8(acceptor.figures().await.unwrap()).unwrap() };
    while !figures().await.contains("\ngatepost_messages_accepted_total 1\n") {
        tokio::task::yield_now().await;
    }
    let refused = acceptor.take(&json!({}), &caller, &wishes).await.unwrap_err();
    assert!(matches!(refused, Refusal::Invalid(_)), "{refused:?}");
    let figures = figures().await;
    assert!(figures.contains("\ngatepost_send_refused_total{reason=\"invalid\"} 1\n"), "{figures}");
}

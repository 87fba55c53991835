use super::*;
use crate::{
    gateway::Gateway,
    message::OutcomeKind,
    plugin::fake::{FakeProvider, NOON},
    store::memory::MemoryStore,
};
use serde_json::json;

async fn acceptor(max_queued: u64) -> (Acceptor, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let clock = Clock::starting_at(NOON);
    let provider = FakeProvider::new(|_| Box::pin(std::future::pending()));
    let gateway = Gateway::new("clickatell", provider, Duration::from_secs(600), None, 64);
    let delivery = Delivery::start(store.clone(), vec![gateway], clock).await.unwrap();
    (Acceptor::new(store.clone(), delivery, clock, max_queued), store)
}

async fn refused(body: Value) -> Vec<(String, String)> {
    let (acceptor, store) = acceptor(10).await;
    let refusal = acceptor.accept(&body, &Caller::default(), false).await.unwrap_err();
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
        ("/route", json!({"gateway": null, "route": "default"}), "not available in this version"),
        ("/txt", json!({"txt": "hello"}), "unknown member; did you mean `text`?"),
        ("/a~1b~0", json!({"a/b~": 1}), "unknown member"),
        ("/priority", json!({"priority": "urgent"}), "\"high\", \"normal\" or \"low\""),
        ("/valid_for", json!({"valid_for": 120}), "not a number"),
        ("/valid_for", json!({"valid_for": "2 minutes"}), "is no duration"),
        ("/valid_for", json!({"valid_for": "0s"}), "at least 1 second"),
        ("/send_at", json!({"send_at": "tomorrow"}), "is no RFC 3339 time"),
        ("/send_at", json!({"send_at": "2026-01-01T12:00:00Z"}), "not available in this version"),
        ("/callback_url", json!({"callback_url": "https://app.example/hook"}), "origin is not allowed"),
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
    let caller = Caller { api_key: Some("app".into()) };
    let message = acceptor.accept(&body, &caller, false).await.unwrap().message;
    assert_eq!((message.priority, message.created_at), (Priority::Normal, NOON));
    assert_eq!(message.expires_at, NOON.plus(Duration::from_secs(600)));
    assert_eq!(message.api_key.as_deref(), Some("app"));
    // Somebody waits for it: a code.
    assert_eq!(acceptor.accept(&body, &caller, true).await.unwrap().message.priority, Priority::High);
    let push =
        json!({"to": "token", "data": {"z": "1", "a": "2"}, "gateway": "clickatell", "valid_for": "90s"});
    let message = acceptor.accept(&push, &caller, false).await.unwrap().message;
    assert_eq!(message.expires_at, NOON.plus(Duration::from_secs(90)));
    assert_eq!(message.reason, None::<OutcomeKind>);
}

#[tokio::test(start_paused = true)]
async fn over_the_bound_of_unfinished_messages_it_is_refused() {
    let (acceptor, store) = acceptor(2).await;
    let body = json!({"to": "+491701234567", "text": "hello", "gateway": "clickatell"});
    for _ in 0..2 {
        acceptor.accept(&body, &Caller::default(), false).await.unwrap();
    }
    let refusal = acceptor.accept(&body, &Caller::default(), false).await.unwrap_err();
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
    let refusal = acceptor.accept(&body, &Caller::default(), false).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Stopping), "{refusal:?}");
}

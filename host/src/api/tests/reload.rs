//! Who may reload, and what becomes of whoever is there when it happens.

use super::*;
use futures_util::StreamExt as _;

async fn reload(host: &Host, key: Option<&str>, query: &str) -> (u16, Value) {
    let mut request = request(Method::POST, &format!("/v1/reload{query}"));
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let (status, _, body) = host.call(request.body(Body::empty()).unwrap()).await;
    (status.as_u16(), body)
}

impl Host {
    /// What a reload does last.
    fn switch(&self, keys: Vec<ApiKey>) {
        let now = self.acceptor.snapshot();
        let config = Config { api_keys: keys, ..(*now.config).clone() };
        let (registry, gateways) = (Arc::clone(&now.registry), Arc::clone(&now.gateways));
        self.acceptor.switch(now.next(Arc::new(config), registry, gateways));
    }
}

#[tokio::test(start_paused = true)]
async fn only_an_admin_reloads() {
    let keys =
        vec![key("all-but-one", &[Scope::Send, Scope::Read, Scope::Receipt]), key("root", &[Scope::Admin])];
    let host = Host::new(10, keys).await;
    assert_eq!(reload(&host, None, "").await.0, 401);
    assert_eq!(reload(&host, Some("nobody"), "").await.0, 401);
    let (status, body) = reload(&host, Some("all-but-one"), "").await;
    assert_eq!((status, &body["detail"]), (403, &json!("it lacks the scope \"admin\"")));
    assert_eq!(reload(&host, Some("root"), "?now=1").await.0, 422);
    // A host that stops, for all that this one says.
    assert_eq!(reload(&host, Some("root"), "").await.0, 503);
    // Without keys sending and reading are permitted, nothing else.
    let (status, body) = reload(&Host::new(10, Vec::new()).await, None, "").await;
    assert_eq!(status, 403, "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_key_and_no_other_does() {
    let reader = |name| key(name, &[Scope::Read]);
    let host = Host::new(10, vec![reader("one"), reader("two"), reader("three")]).await;
    let mut streams = Vec::new();
    for name in ["one", "two", "three"] {
        let request = request(Method::GET, "/v1/events").header("authorization", format!("Bearer {name}"));
        let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let mut pieces = response.into_body().into_data_stream();
        assert!(pieces.next().await.is_some(), "{name}");
        streams.push(pieces);
    }
    // One is gone, one may no longer read, one has another name.
    host.switch(vec![
        key("two", &[Scope::Send]),
        ApiKey { name: "drei".into(), ..reader("three") },
        key("root", &[Scope::Admin]),
    ]);
    let sent = post("").header("authorization", "Bearer root").body(message("quick")).unwrap();
    assert_eq!(host.call(sent).await.0, StatusCode::ACCEPTED);
    for (number, is_open) in [false, false, true].into_iter().enumerate() {
        let piece = streams[number].next().await;
        assert_eq!(piece.is_some(), is_open, "{number}: {piece:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_under_the_keys_that_it_began_under() {
    let host = Host::new(10, vec![key("app", &[Scope::Send])]).await;
    let waiting = post("?wait=10").header("authorization", "Bearer app").body(message("quick")).unwrap();
    let again = || post("").header("authorization", "Bearer app").body(message("quick")).unwrap();
    let (waited, ()) = tokio::join!(host.call(waiting), async {
        tokio::task::yield_now().await;
        host.switch(vec![key("other", &[Scope::Send])]);
    });
    assert_eq!((waited.0, &waited.2["state"]), (StatusCode::OK, &json!("sent")));
    assert_eq!(host.call(again()).await.0, StatusCode::UNAUTHORIZED);
}

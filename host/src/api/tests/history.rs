//! Lists and the stream of events.

use super::*;
use axum::body::BodyDataStream;
use futures_util::StreamExt as _;

impl Host {
    async fn get(&self, uri: &str, key: &str) -> (u16, Value) {
        let request = request(Method::GET, uri).header("authorization", format!("Bearer {key}"));
        let (status, _, body) = self.call(request.body(Body::empty()).unwrap()).await;
        (status.as_u16(), body)
    }

    async fn send_as(&self, key: &str, message: Value) -> String {
        let request = post("").header("authorization", format!("Bearer {key}"));
        let (status, _, body) = self.call(request.body(json_body(&message)).unwrap()).await;
        assert_eq!(status, 202, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// A stream of events that has begun.
    async fn events(&self, query: &str, last: Option<&str>) -> Stream {
        let mut request = request(Method::GET, &format!("/v1/events{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut stream =
            Stream { pieces: response.into_body().into_data_stream(), waiting: String::new(), last: None };
        let first = stream.block().await.unwrap();
        assert!(first.starts_with(": ") && first.contains("\nretry: 1000\n"), "{first}");
        stream
    }
}

struct Stream {
    pieces: BodyDataStream,
    waiting: String,
    /// What a client would come again with.
    last: Option<String>,
}

impl Stream {
    /// What comes up to the next blank line.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.waiting.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.waiting = rest;
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                    self.last = Some(id.to_owned());
                }
                return Some(block);
            }
            self.waiting += std::str::from_utf8(&self.pieces.next().await?.unwrap()).unwrap();
        }
    }

    /// The next event's message.
    async fn message(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) {
                assert!(block.contains("\nevent: message\n"), "{block}");
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    async fn states(&mut self, count: usize) -> Vec<String> {
        let mut states = Vec::new();
        for _ in 0..count {
            states.push(self.message().await.unwrap()["state"].as_str().unwrap().to_owned());
        }
        states
    }
}

fn ids(list: &Value) -> Vec<&str> {
    list["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn keys_list_what_they_may_see() {
    let keys = vec![
        key("app", &[Scope::Send]),
        key("web", &[Scope::Send]),
        key("eye", &[Scope::Read]),
        key("root", &[Scope::Admin]),
        key("none", &[]),
    ];
    let host = Host::new(10, keys).await;
    let message = json!({ "to": "1", "text": "x", "gateway": "quick" });
    let of_app = host.send_as("app", message.clone()).await;
    let of_web = host.send_as("web", message).await;
    for (key, seen) in [
        ("app", vec![&of_app]),
        ("web", vec![&of_web]),
        ("eye", vec![&of_web, &of_app]),
        ("root", vec![&of_web, &of_app]),
    ] {
        let (status, list) = host.get("/v1/messages", key).await;
        assert_eq!(
            (status, ids(&list), &list["next_cursor"]),
            (200, seen.into_iter().map(String::as_str).collect(), &Value::Null),
            "{key}"
        );
    }
    assert_eq!(host.get("/v1/messages", "none").await.0, 403);
    assert_eq!(host.get("/v1/messages", "nobody").await.0, 401);
    // Events are everybody's.
    for (key, status) in [("app", 403), ("none", 403), ("nobody", 401)] {
        assert_eq!(host.get("/v1/events", key).await.0, status, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_walked_page_by_page() {
    let host = Host::new(10, Vec::new()).await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.insert(0, host.post("", "quick").await.2["id"].as_str().unwrap().to_owned());
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    for page in [2, 2, 1] {
        let (status, list) = host.get(&format!("/v1/messages{query}"), "").await;
        assert_eq!((status, ids(&list).len()), (200, page));
        seen.extend(ids(&list).into_iter().map(str::to_owned));
        query = format!("?limit=2&cursor={}", list["next_cursor"].as_str().unwrap_or("-"));
    }
    assert_eq!((seen, query.as_str()), (sent.clone(), "?limit=2&cursor=-"));
    // A page that is full and the last says so.
    let (_, list) = host.get("/v1/messages?limit=5", "").await;
    assert_eq!((ids(&list).len(), &list["next_cursor"]), (5, &Value::Null));

    // Each as it stands, and its filter as it is on disk.
    let stuck = host.post("", "stuck").await.2;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, list) = host.get("/v1/messages", "").await;
    assert_eq!(
        (&list["messages"][0]["id"], &list["messages"][0]["state"]),
        (&stuck["id"], &"sending".into())
    );
    let (_, list) = host.get("/v1/messages?state=sent", "").await;
    assert_eq!(ids(&list), sent);
    let (_, list) = host.get("/v1/messages?state=queued,failed", "").await;
    assert_eq!(
        (ids(&list), &list["messages"][0]["state"]),
        (vec![stuck["id"].as_str().unwrap()], &"queued".into())
    );
}

#[tokio::test(start_paused = true)]
async fn times_bound_a_list() {
    let host = Host::new(10, Vec::new()).await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(host.post("", "quick").await.2);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let created = sent[1]["created_at"].as_str().unwrap();
    let all = async |query: String| {
        let (status, list) = host.get(&format!("/v1/messages?{query}"), "").await;
        assert_eq!(status, 200, "{list}");
        ids(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let id = |number: usize| sent[number]["id"].as_str().unwrap();
    assert_eq!(all(format!("since={created}")).await, [id(2), id(1)]);
    assert_eq!(all(format!("until={created}")).await, [id(0)]);
    let other_zone = "2026-01-01T13%3A00%3A00%2B01%3A00";
    assert_eq!(all(format!("since={other_zone}&until={created}")).await, [id(0)]);
    assert!(all(format!("since={created}&until={created}")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn parameters_that_can_not_be_taken_are_named() {
    let host = Host::new(10, Vec::new()).await;
    for (query, parameter) in [
        ("messages?limit=0", "limit"),
        ("messages?limit=1001", "limit"),
        ("messages?limit=+5", "limit"),
        ("messages?limit=", "limit"),
        ("messages?cursor=x", "cursor"),
        ("messages?cursor=", "cursor"),
        ("messages?cursor=AAAA", "cursor"),
        ("messages?since=yesterday", "since"),
        ("messages?until=2026-01-01", "until"),
        ("messages?until=2026-01-01T12:00:00+01:00", "until"),
        ("messages?colour=red", "colour"),
        ("messages?state=lost", "state"),
        ("messages?tag=a&tag=b", "tag"),
        ("messages?last_event_id=1", "last_event_id"),
        ("events?limit=1", "limit"),
        ("events?state=lost", "state"),
        ("events?last_event_id=abc", "last_event_id"),
        ("events?last_event_id=-1", "last_event_id"),
        ("events?last_event_id=99999999999999999999", "last_event_id"),
    ] {
        let (status, problem) = host.get(&format!("/v1/{query}"), "").await;
        assert_eq!(
            (status, &problem["errors"][0]["parameter"]),
            (422, &parameter.into()),
            "{query}: {problem}"
        );
    }
    for (query, header, parameter) in [
        ("", "x", "Last-Event-ID"),
        ("?last_event_id=1", "x", "Last-Event-ID"),
        ("?last_event_id=", "1", "last_event_id"),
    ] {
        let request = request(Method::GET, &format!("/v1/events{query}")).header("last-event-id", header);
        let (status, _, problem) = host.call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (status, &problem["errors"][0]["parameter"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &parameter.into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_as_they_happen_and_go_on_after_a_cut() {
    let host = Host::new(100, Vec::new()).await;
    host.post("?wait=5", "quick").await;
    let mut stream = host.events("", None).await;
    let id = host.post("", "quick").await.2["id"].clone();
    let queued = stream.message().await.unwrap();
    assert_eq!((&queued["id"], &queued["state"], &queued["attempts"]), (&id, &"queued".into(), &json!([])));
    let after_queued = stream.last.clone().unwrap();
    assert_eq!(stream.states(2).await, ["sending", "sent"]);
    let last = stream.last.clone().unwrap();
    drop(stream);
    // While nobody listens.
    host.post("?wait=5", "strict").await;
    let mut stream = host.events("", Some(&last)).await;
    assert_eq!(stream.states(3).await, ["queued", "sending", "failed"]);
    // The header counts before the query.
    let mut stream = host.events("?last_event_id=0", Some(&after_queued)).await;
    assert_eq!(stream.states(2).await, ["sending", "sent"]);
    let mut from_the_start = host.events("?last_event_id=0", None).await;
    assert_eq!(
        from_the_start.states(9).await.concat(),
        ["queued", "sending", "sent"].repeat(2).concat() + "queuedsendingfailed"
    );
    // A number that is none of this store's: what comes next.
    let mut stream = host.events("", Some("1000000")).await;
    host.post("", "quick").await;
    assert_eq!(stream.states(3).await, ["queued", "sending", "sent"]);
}

#[tokio::test(start_paused = true)]
async fn events_are_filtered_as_the_messages_stood() {
    let host = Host::new(100, Vec::new()).await;
    let mut sent = host.events("?state=sent,failed&gateway=quick", None).await;
    let mut tagged = host.events("?tag=login&to=%2B2", None).await;
    host.post("?wait=5", "strict").await;
    host.post("?wait=5", "quick").await;
    let tagged_message = json!({ "to": "+2", "tag": "login", "text": "x", "gateway": "strict" });
    host.call(post("?wait=5").body(json_body(&tagged_message)).unwrap()).await;
    assert_eq!(sent.message().await.unwrap()["gateway"], "quick");
    assert_eq!(tagged.states(3).await, ["queued", "sending", "failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_events_shows_that_it_lives_and_where_it_is() {
    let host = Host::new(100, Vec::new()).await;
    let mut stream = host.events("?tag=never", None).await;
    let start = tokio::time::Instant::now();
    assert_eq!(stream.block().await.unwrap(), ":");
    assert_eq!(start.elapsed().as_secs(), 15);
    host.post("?wait=5", "quick").await;
    // No event, but the place to go on from.
    let block = stream.block().await.unwrap();
    assert!(block.starts_with(":\nid: ") && !block.contains("data"), "{block}");
    assert!(start.elapsed().as_secs() >= 29);
    let mut stream = host.events("", stream.last.as_deref()).await;
    host.post("?wait=5", "strict").await;
    assert_eq!(stream.states(3).await, ["queued", "sending", "failed"]);
}

#[tokio::test(start_paused = true)]
async fn streams_are_bounded_and_end_with_the_host() {
    let host = Host::new(100, Vec::new()).await;
    let mut streams = Vec::new();
    for _ in 0..256 {
        streams.push(host.events("", None).await);
    }
    let one_more = || request(Method::GET, "/v1/events").body(Body::empty()).unwrap();
    let (status, headers, problem) = host.call(one_more()).await;
    assert_eq!(
        (status, &headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &HeaderValue::from_static("5"))
    );
    assert_eq!(problem["type"], "urn:gatepost:problem:overloaded");
    // Requests are another bound, and a place that is left is free.
    host.post("?wait=5", "quick").await;
    assert_eq!(streams[200].states(3).await, ["queued", "sending", "sent"]);
    streams.pop();
    streams.push(host.events("", None).await);
    host.ending.cancel();
    for mut stream in streams {
        while stream.message().await.is_some() {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_holds_up_nobody_and_misses_nothing() {
    let host = Host::new(100_000, Vec::new()).await;
    let mut idle = host.events("", None).await;
    let mut busy = host.events("", None).await;
    // More than is kept for all.
    for _ in 0..700 {
        host.post("?wait=5", "quick").await;
        assert_eq!(busy.states(3).await, ["queued", "sending", "sent"]);
    }
    assert_eq!(idle.states(2100).await, ["queued", "sending", "sent"].repeat(700));
    assert_eq!(idle.last, busy.last);
}

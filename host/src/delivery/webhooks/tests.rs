//! Webhooks on a paused clock, with receivers of every temper.

mod simulation;

use super::{client::Answer, client::Outgoing, *};
use crate::{
    delivery::tests::world::Troubled,
    message::{NewMessage, State, WebhookUrl},
    plugin::fake::NOON,
    store::{
        Step, Webhooks as _,
        conformance::{new_message, sent},
        memory::MemoryStore,
    },
    telemetry::metrics::{GatewayFigures, Moment},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const APP: &str = "https://app.example/hook";
const OTHER: &str = "https://other.example/hook";

type Behaviour = dyn Fn(&Outgoing) -> BoxFuture<'static, Answer> + Send + Sync;

/// What receivers got: seconds since noon, and the request.
type Got = Arc<Mutex<Vec<(u64, Outgoing)>>>;

struct Receivers {
    got: Got,
    behaviour: Box<Behaviour>,
}

impl Post for Receivers {
    fn post(&self, outgoing: Outgoing) -> BoxFuture<'_, Answer> {
        self.got.lock().unwrap().push((outgoing.at.since(NOON).as_secs(), outgoing.clone()));
        (self.behaviour)(&outgoing)
    }
}

fn at_once(answer: Answer) -> BoxFuture<'static, Answer> {
    std::future::ready(answer).boxed()
}

fn refused(status: u16) -> Answer {
    Answer::Refused { status, after: None }
}

struct World {
    store: Arc<MemoryStore>,
    webhooks: Arc<Webhooks>,
    clock: Clock,
    metrics: Arc<Metrics>,
    got: Got,
}

impl World {
    fn new(behaviour: impl Fn(&Outgoing) -> BoxFuture<'static, Answer> + Send + Sync + 'static) -> Self {
        let store = Arc::<MemoryStore>::default();
        Self::on(Arc::clone(&store), store, Clock::starting_at(NOON), behaviour)
    }

    /// With these messages in `store`, as `through` shows it. Waits are as long as they can be by chance.
    fn on(
        store: Arc<MemoryStore>,
        through: Arc<dyn Store>,
        clock: Clock,
        behaviour: impl Fn(&Outgoing) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    ) -> Self {
        let (got, metrics) = (Got::default(), Arc::new(Metrics::new().unwrap()));
        let post = Receivers { got: Arc::clone(&got), behaviour: Box::new(behaviour) };
        let origins = ["https://app.example", "https://other.example"].map(str::to_owned).into();
        let inbound = Some(Endpoint::parse("https://app.example/inbound").unwrap());
        let counting = Arc::clone(&metrics);
        let settings = Settings { post: Some(Box::new(post)), origins, inbound };
        let webhooks = Webhooks::start_with(through, settings, clock, counting, Box::new(|most| most));
        webhooks.begin();
        Self { store, webhooks, clock, metrics, got }
    }

    /// A message is sent, and to be told.
    async fn sent(&self, url: &str) -> MessageId {
        let new = NewMessage { callback_url: Some(WebhookUrl::new(url)), ..new_message("one", "hello") };
        self.store.insert(vec![new.clone()], None).await.unwrap();
        let mut step = Step { at: self.clock.now(), ..sent(&new) };
        let attempt = step.attempt.as_mut().unwrap();
        (attempt.started_at, attempt.ended_at) = (step.at, step.at);
        self.store.record([step].into()).await.unwrap();
        self.webhooks.wake(Some(url));
        new.id
    }

    async fn many_sent(&self, url: &str, count: usize) {
        for _ in 0..count {
            self.sent(url).await;
        }
    }

    fn receipt(&self, id: MessageId, state: State) {
        self.store.receipt(id, state, self.clock.now());
        self.webhooks.wake(Some(APP));
    }

    fn got(&self) -> Vec<(u64, Outgoing)> {
        self.got.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }

    fn times(&self) -> Vec<u64> {
        self.got().into_iter().map(|(seconds, _)| seconds).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.got().into_iter().map(|(_, outgoing)| outgoing.id).collect()
    }

    /// Waits until so much was got, and its outcome is in the store.
    async fn until_got(&self, count: usize) {
        while self.count() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        seconds(0).await;
    }

    async fn until_nothing_waits(&self) {
        while !self.store.webhooks_waiting().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn figure(&self, name: &str) -> Option<u64> {
        let text = String::from_utf8(self.metrics.render(&moment()).unwrap()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    fn outcomes(&self, outcome: &str) -> Option<u64> {
        self.figure(&format!(
            "gatepost_webhooks_total{{origin=\"https://app.example\",outcome=\"{outcome}\"}}"
        ))
    }
}

/// As it is where a gateway `smpp` is, of which nothing is known.
fn moment() -> Moment {
    let gateway = GatewayFigures { name: "smpp".into(), ..GatewayFigures::default() };
    Moment { gateways: vec![gateway], ..Moment::default() }
}

/// Lets so much time pass, and everything happen that is due by then.
async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count) + Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_once() {
    let world = World::new(|_| at_once(Answer::Taken));
    let id = world.sent(APP).await;
    world.until_nothing_waits().await;
    seconds(3600).await;
    let got = world.got();
    assert_eq!(got.len(), 1);
    let (_, Outgoing { url, id: webhook, body, .. }) = &got[0];
    assert_eq!((&**url, webhook), (APP, &format!("msg_{id}_sent")));
    let body = serde_json::from_str::<Value>(body).unwrap();
    let message = world.store.message(id).await.unwrap().unwrap();
    assert_eq!(
        body,
        json!({"type": "message.sent", "timestamp": NOON.to_string(), "data": crate::message::as_json(&message)})
    );
    assert_eq!((world.outcomes("delivered"), world.outcomes("failed")), (Some(1), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_again_at_growing_distances_under_the_same_id() {
    let world = World::new(|_| at_once(refused(404)));
    world.sent(APP).await;
    world.until_got(12).await;
    assert_eq!(world.times(), [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]);
    let ids = world.ids();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(!ids[0].contains('.'));
    assert_eq!(world.outcomes("failed"), Some(12));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_may_put_it_off_for_an_hour_at_most() {
    let asked = [0, 120, 7200];
    let tries = AtomicUsize::new(0);
    let world = World::new(move |_| {
        let after = asked.get(tries.fetch_add(1, Ordering::Relaxed)).copied();
        at_once(match after {
            Some(seconds) => Answer::Refused { status: 503, after: Some(Duration::from_secs(seconds)) },
            None => Answer::Taken,
        })
    });
    world.sent(APP).await;
    world.until_nothing_waits().await;
    assert_eq!(world.times(), [0, 1, 121, 3721]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_wants_it_no_longer_is_not_asked_again() {
    let world = World::new(|_| at_once(Answer::Gone));
    world.many_sent(APP, 20).await;
    world.until_nothing_waits().await;
    assert_eq!((world.count(), world.outcomes("given_up")), (20, Some(20)));
}

#[tokio::test(start_paused = true)]
async fn after_a_day_it_is_given_up() {
    let world = World::new(|outgoing| {
        at_once(if *outgoing.url == *OTHER { Answer::Silent("refused".into()) } else { refused(404) })
    });
    world.sent(APP).await;
    world.many_sent(OTHER, 3000).await;
    seconds(86_340).await;
    assert_eq!(world.store.webhooks_waiting().iter().map(|(_, count)| count).sum::<u64>(), 3001);
    seconds(60).await;
    assert!(world.store.webhooks_waiting().is_empty());
    let tries = world.count();
    seconds(86_400).await;
    assert_eq!((world.count(), world.outcomes("given_up")), (tries, Some(1)));
    let other = "gatepost_webhooks_total{origin=\"https://other.example\",outcome=\"given_up\"}";
    assert_eq!(world.figure(other), Some(3000));
    // One try at most in 30 s while nobody answers.
    assert!(tries < 86_400 / 30 + 500, "{tries}");
}

#[tokio::test(start_paused = true)]
async fn changes_of_a_message_are_told_in_their_order() {
    let world = World::new(|outgoing| {
        let early = outgoing.at.since(NOON) < Duration::from_secs(10);
        at_once(if early && outgoing.id.ends_with("_sent") { refused(404) } else { Answer::Taken })
    });
    let (first, second) = (world.sent(APP).await, world.sent(APP).await);
    world.receipt(second, State::Undelivered);
    world.receipt(first, State::Delivered);
    world.until_nothing_waits().await;
    for (id, last) in [(first, "delivered"), (second, "undelivered")] {
        let told = world.ids().into_iter().filter(|told| told.contains(&id.to_string())).collect::<Vec<_>>();
        let mut expected = vec![format!("msg_{id}_sent"); 5];
        expected.push(format!("msg_{id}_{last}"));
        assert_eq!(told, expected);
    }
    // Each as it stood then, though both were there when the first was taken.
    let got = world.got();
    let (_, taken) = got.iter().rfind(|(_, outgoing)| outgoing.id == format!("msg_{first}_sent")).unwrap();
    let body = serde_json::from_str::<Value>(&taken.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["state"]), (&json!("message.sent"), &json!("sent")));
    assert_eq!(world.times().into_iter().max(), Some(15), "the next one does not wait for anything else");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_holds_up_no_other_and_eight_are_under_way_at_most() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, top) = (Arc::clone(&under_way), Arc::clone(&most));
    let world = World::new(move |outgoing| {
        if *outgoing.url == *OTHER {
            return at_once(Answer::Taken);
        }
        top.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let now = Arc::clone(&now);
        async move {
            tokio::time::sleep(Duration::from_secs(15)).await;
            now.fetch_sub(1, Ordering::Relaxed);
            Answer::Silent("no answer".into())
        }
        .boxed()
    });
    world.many_sent(APP, 50).await;
    world.many_sent(OTHER, 50).await;
    seconds(0).await;
    let others = world.got().into_iter().filter(|(at, outgoing)| *at == 0 && *outgoing.url == *OTHER);
    assert_eq!(others.count(), 50);
    seconds(600).await;
    assert_eq!(most.load(Ordering::Relaxed), 8);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_is_left_alone_and_gets_all_at_once_when_it_is_back() {
    let back_at = NOON.plus(Duration::from_secs(600));
    let world = World::new(move |outgoing| {
        at_once(if outgoing.at < back_at { Answer::Silent("refused".into()) } else { Answer::Taken })
    });
    world.many_sent(APP, 2000).await;
    seconds(599).await;
    let tries = world.count();
    assert!(tries <= 8 + 5 + 600 / 30 + 2, "{tries} tries in ten minutes");
    seconds(32).await;
    let taken = world.outcomes("delivered").unwrap();
    assert!(taken >= 2000 - tries as u64, "what was never tried did not wait: {taken}");
    world.until_nothing_waits().await;
    assert_eq!(world.outcomes("delivered"), Some(2000));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_refused_holds_up_no_other_of_its_receiver() {
    let wrong = "https://app.example/wrong";
    let world = World::new(move |outgoing| {
        at_once(if *outgoing.url == *wrong { refused(404) } else { Answer::Taken })
    });
    world.many_sent(wrong, 100).await;
    world.many_sent(APP, 100).await;
    seconds(0).await;
    let right = world.got().into_iter().filter(|(at, outgoing)| *at == 0 && *outgoing.url == *APP);
    assert_eq!(right.count(), 100);
}

#[tokio::test(start_paused = true)]
async fn the_next_start_goes_on_where_the_last_one_ended() {
    let first = World::new(|_| at_once(refused(404)));
    first.many_sent(APP, 3).await;
    seconds(1).await;
    first.webhooks.drain(Instant::now()).await;
    assert_eq!(first.count(), 6);
    let (store, clock) = (Arc::clone(&first.store), first.clock);
    let second = World::on(Arc::clone(&store), store, clock, |_| at_once(Answer::Taken));
    second.until_nothing_waits().await;
    assert_eq!(second.times(), [3, 3, 3], "the backoff goes on");
    let mut ids = [first.ids()[..3].to_vec(), second.ids()];
    ids.iter_mut().for_each(|ids| ids.sort());
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_is_under_way_until_its_deadline() {
    let slow = World::new(|_| tokio::time::sleep(Duration::from_secs(10)).map(|()| Answer::Taken).boxed());
    slow.many_sent(APP, 20).await;
    seconds(0).await;
    slow.webhooks.drain(Instant::now() + Duration::from_secs(20)).await;
    assert_eq!((slow.clock.now().since(NOON).as_secs(), slow.count()), (10, 8));
    assert_eq!(slow.store.webhooks_waiting()[0].1, 12);
    // Nothing begins after it.
    slow.sent(APP).await;
    seconds(60).await;
    assert_eq!(slow.count(), 8);

    let hanging = World::new(|_| std::future::pending().boxed());
    hanging.sent(APP).await;
    seconds(0).await;
    hanging.webhooks.drain(Instant::now() + Duration::from_secs(20)).await;
    assert_eq!(hanging.clock.now().since(NOON).as_secs(), 20);
    assert_eq!(hanging.store.webhooks_waiting()[0].1, 1);
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_is_not_allowed_any_more_gets_nothing_and_its_webhooks_grow_old() {
    let world = World::new(|_| at_once(Answer::Taken));
    world.many_sent("https://removed.example/hook", 3).await;
    seconds(86_000).await;
    assert_eq!(world.store.webhooks_waiting()[0].1, 3);
    seconds(400).await;
    assert_eq!((world.count(), world.store.webhooks_waiting()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_store_in_trouble_delays_what_is_put_down_and_loses_nothing() {
    let inner = Arc::<MemoryStore>::default();
    let calls = AtomicUsize::new(0);
    let through = Troubled::new(Arc::clone(&inner), move || {
        let fails = calls.fetch_add(1, Ordering::Relaxed) < 3;
        std::future::ready(if fails { Err(StoreError::Busy) } else { Ok(()) }).boxed()
    });
    let world = World::on(inner, through, Clock::starting_at(NOON), |_| at_once(Answer::Taken));
    world.sent(APP).await;
    world.until_nothing_waits().await;
    seconds(60).await;
    assert_eq!(world.count(), 1, "what was taken is not sent again while it can't be put down");
}

fn inbound() -> Inbound {
    Inbound {
        gateway: "smpp".into(),
        from: Recipient::new("+491701234567"),
        to: Recipient::new("12345"),
        text: Text::new("STOP \"now\""),
        at: NOON,
    }
}

#[tokio::test(start_paused = true)]
async fn an_inbound_message_is_told() {
    let world = World::new(|_| at_once(Answer::Taken));
    world.webhooks.inbound(inbound()).await.unwrap();
    world.until_nothing_waits().await;
    let got = world.got();
    let (_, Outgoing { url, id, body, .. }) = &got[0];
    assert_eq!(&**url, "https://app.example/inbound");
    assert!(id.starts_with("in_") && !id.contains('.'), "{id}");
    let data = json!({
        "gateway": "smpp", "from": "+491701234567", "to": "12345", "text": "STOP \"now\"", "received_at": NOON.to_string(),
    });
    let body = serde_json::from_str::<Value>(body).unwrap();
    assert_eq!(body, json!({"type": "message.inbound", "timestamp": NOON.to_string(), "data": data}));
    assert_eq!(world.figure("gatepost_inbound_total{gateway=\"smpp\"}"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_inbound_message_that_cannot_be_kept_is_not_acknowledged() {
    let inner = Arc::<MemoryStore>::default();
    let through = Troubled::new(Arc::clone(&inner), || std::future::ready(Err(StoreError::Full)).boxed());
    let world = World::on(inner, through, Clock::starting_at(NOON), |_| at_once(Answer::Taken));
    let refused = world.webhooks.inbound(inbound()).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn without_an_address_an_inbound_message_is_dropped_and_counted() {
    let (store, metrics) = (Arc::<MemoryStore>::default(), Arc::new(Metrics::new().unwrap()));
    let webhooks = Webhooks::silent(store.clone(), Clock::starting_at(NOON), Arc::clone(&metrics));
    webhooks.inbound(inbound()).await.unwrap();
    assert!(store.webhooks_waiting().is_empty());
    let text = String::from_utf8(metrics.render(&moment()).unwrap()).unwrap();
    assert!(text.contains("gatepost_inbound_total{gateway=\"smpp\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn one_address_that_refuses_keeps_no_other_of_its_origin_waiting() {
    let other = "https://app.example/other";
    let world = World::new(move |outgoing| {
        let answer = if *outgoing.url == *other { Answer::Taken } else { refused(502) };
        async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            answer
        }
        .boxed()
    });
    world.many_sent(APP, 200).await;
    seconds(3).await;
    let id = world.sent(other).await;
    seconds(10).await;
    let taken = world.got().into_iter().find(|(_, outgoing)| outgoing.id == format!("msg_{id}_sent"));
    assert!(taken.is_some(), "{} were tried", world.count());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_before_the_host_is_sure_to_run() {
    let world = World::new(|_| at_once(Answer::Taken));
    world.sent(APP).await;
    world.until_got(1).await;
    let got = Got::default();
    let posts = Receivers { got: Arc::clone(&got), behaviour: Box::new(|_| at_once(Answer::Taken)) };
    let origins = ["https://app.example".to_owned()].into();
    let settings = Settings { post: Some(Box::new(posts)), origins, inbound: None };
    let metrics = Arc::clone(&world.metrics);
    let webhooks =
        Webhooks::start_with(world.store.clone(), settings, world.clock, metrics, Box::new(|most| most));
    world.webhooks.drain(Instant::now()).await;
    let new = NewMessage { callback_url: Some(WebhookUrl::new(APP)), ..new_message("one", "hello") };
    world.store.insert(vec![new.clone()], None).await.unwrap();
    world.store.record([sent(&new)].into()).await.unwrap();
    webhooks.wake(Some(APP));
    seconds(60).await;
    assert_eq!(got.lock().unwrap().len(), 0);
    webhooks.begin();
    world.until_nothing_waits().await;
    assert_eq!(got.lock().unwrap().len(), 1);
}

//! Each rule of the delivery by itself.

use super::world::{Draft, Host, Troubled, gateway, gateway_with};
use crate::telemetry::metrics::Metrics;
use crate::{
    config::{OnUncertain, Retry},
    delivery::{Delivery, Drained},
    gateway::GatewayState,
    message::{Clock, Message, Outcome, OutcomeKind, Priority, State},
    plugin::fake::{FakeProvider, NOON},
    store::{Canceled, Store as _, StoreError, memory::MemoryStore},
};
use futures_util::FutureExt as _;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub(super) fn host(gateways: Vec<crate::gateway::Gateway>) -> Host<MemoryStore> {
    Host::on(Arc::new(MemoryStore::default()), gateways, Clock::starting_at(NOON))
}

pub(super) fn states(message: &Message) -> Vec<State> {
    message.events.iter().map(|event| event.state).collect()
}

pub(super) fn outcomes(message: &Message) -> Vec<(&str, OutcomeKind)> {
    message.attempts.iter().map(|attempt| (attempt.gateway.as_str(), attempt.outcome.kind)).collect()
}

/// Seconds from its acceptance to the start of each attempt.
pub(super) fn starts(message: &Message) -> Vec<u64> {
    message.attempts.iter().map(|attempt| attempt.started_at.since(message.created_at).as_secs()).collect()
}

/// A provider that comes to these outcomes, one after the other, then accepts.
pub(super) fn saying(outcomes: Vec<Outcome>) -> Arc<FakeProvider> {
    let next = AtomicUsize::new(0);
    FakeProvider::new(move |_| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let outcome =
            outcomes.get(number).cloned().unwrap_or_else(|| Outcome::accepted(vec!["id".into()], 1));
        std::future::ready(outcome).boxed()
    })
}

pub(super) fn always(kind: OutcomeKind) -> Arc<FakeProvider> {
    FakeProvider::new(move |_| std::future::ready(Outcome::new(kind, "no")).boxed())
}

pub(super) fn times(count: usize, kind: OutcomeKind) -> Vec<Outcome> {
    vec![Outcome::new(kind, "no"); count]
}

#[tokio::test(start_paused = true)]
async fn a_plain_success_is_queued_sending_sent() {
    let host = host(vec![gateway("one", FakeProvider::accepting(Duration::from_millis(30)))]);
    let message = host.sent_and_ended(Draft::through(&["one"])).await;
    assert_eq!(states(&message), [State::Queued, State::Sending, State::Sent]);
    assert_eq!((message.parts, &*message.provider_ids), (1, &["id-1".to_owned()][..]));
    assert_eq!(message.attempts[0].ended_at.since(message.attempts[0].started_at), Duration::from_millis(30));
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_over_is_not_read_from_the_store() {
    let store = Troubled::new(Arc::default(), || std::future::ready(Ok(())).boxed());
    let gateways = vec![gateway("one", FakeProvider::accepting(Duration::from_millis(30)))];
    let host = Host::on(store, gateways, Clock::starting_at(NOON));
    for _ in 0..100 {
        assert_eq!(host.sent_and_ended(Draft::through(&["one"])).await.state, State::Sent);
    }
    assert_eq!(host.store.reads.load(Ordering::Relaxed), 1, "what an earlier process may have left behind");
    // More than there is room for in memory: the rest is read when its turn comes.
    for _ in 0..5000 {
        host.send(Draft::through(&["one"])).await;
    }
    host.until_nothing_waits().await;
    let reads = host.store.reads.load(Ordering::Relaxed);
    assert!((2..20).contains(&reads), "{reads}");
}

#[tokio::test(start_paused = true)]
async fn what_is_read_before_it_is_handed_over_goes_out_once() {
    // Each write takes a while to be known of.
    let store =
        Troubled::new(Arc::default(), || tokio::time::sleep(Duration::from_millis(20)).map(Ok).boxed());
    let provider = FakeProvider::accepting(Duration::from_millis(1));
    let host = Host::on(store, vec![gateway("one", provider.clone())], Clock::starting_at(NOON));
    let first = host.admit(Draft::through(&["one"]));
    let batch = vec![first.clone()];
    let arrivals = host.delivery.expect(&batch);
    host.store.inner.insert(batch, None).await.unwrap();
    // Another one's way leads past it, by way of the store.
    host.send(Draft::through(&["one"]).text("x".repeat(1 << 20))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(host.message(first.id).await.state, State::Queued);
    arrivals.stored();
    host.until_nothing_waits().await;
    assert_eq!(provider.submitted().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_canceled_before_it_is_handed_over_does_not_go_out() {
    let provider = FakeProvider::accepting(Duration::ZERO);
    let host = host(vec![gateway("one", provider.clone())]);
    let new = host.admit(Draft::through(&["one"]));
    let (id, batch) = (new.id, vec![new]);
    let arrivals = host.delivery.expect(&batch);
    host.store.insert(batch, None).await.unwrap();
    assert_eq!(host.delivery.cancel(id).await.unwrap(), Canceled::Done);
    arrivals.stored();
    host.sent_and_ended(Draft::through(&["one"])).await;
    assert_eq!(provider.submitted().len(), 1);
    assert_eq!(host.message(id).await.state, State::Canceled);
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_before_it_is_handed_over_goes_out_once() {
    let pause = Outcome { after: Some(Duration::from_secs(5)), ..Outcome::new(OutcomeKind::Throttled, "no") };
    let (a, b) = (saying(vec![pause]), FakeProvider::accepting(Duration::ZERO));
    let host = host(vec![gateway("a", a.clone()), gateway("b", b.clone())]);
    let new = host.admit(Draft::through(&["a", "b"]));
    let (id, batch) = (new.id, vec![new]);
    let arrivals = host.delivery.expect(&batch);
    host.store.insert(batch, None).await.unwrap();
    // The gateway pauses: what waits there goes to the other one.
    let alone = host.send(Draft::through(&["a"])).await;
    assert_eq!(host.ended(id).await.gateway, "b");
    assert_eq!(host.ended(alone).await.state, State::Sent);
    arrivals.stored();
    host.sent_and_ended(Draft::through(&["a"])).await;
    assert_eq!((a.submitted().len(), b.submitted().len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn backoff_doubles_and_attempts_are_used_up() {
    let host = host(vec![gateway("one", always(OutcomeKind::Unavailable))]);
    let message = host.sent_and_ended(Draft::through(&["one"])).await;
    assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Unavailable)));
    // The longest waits that chance allows: 1, 2, 4 and 8 s.
    assert_eq!(starts(&message), [0, 1, 3, 7, 15]);
    let round = [State::Queued, State::Sending];
    assert_eq!(states(&message), [round.repeat(5), vec![State::Failed]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_retry_has_bounds_of_its_own() {
    let retry = Retry { attempts: 4, first: Duration::from_secs(3), max: Duration::from_secs(5) };
    let provider = saying(times(3, OutcomeKind::Uncertain));
    let host = host(vec![gateway_with("one", provider, |limits| limits.retry = retry)]);
    let message = host.sent_and_ended(Draft::through(&["one"])).await;
    assert_eq!((message.state, starts(&message)), (State::Sent, vec![0, 3, 8, 13]));
}

#[tokio::test(start_paused = true)]
async fn failover_is_at_once_and_stays_sending() {
    for kind in [
        OutcomeKind::Rejected,
        OutcomeKind::Unavailable,
        OutcomeKind::Throttled,
        OutcomeKind::Uncertain,
        OutcomeKind::Misconfigured,
    ] {
        let host =
            host(vec![gateway("a", always(kind)), gateway("b", FakeProvider::accepting(Duration::ZERO))]);
        let message = host.sent_and_ended(Draft::through(&["a", "b"])).await;
        assert_eq!(outcomes(&message), [("a", kind), ("b", OutcomeKind::Accepted)]);
        assert_eq!(states(&message), [State::Queued, State::Sending, State::Sent]);
        assert_eq!((starts(&message), message.gateway.as_str()), (vec![0, 0], "b"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_tries_each_gateway_once_and_then_waits() {
    let host = host(vec![
        gateway("a", saying(times(2, OutcomeKind::Unavailable))),
        gateway("b", saying(times(1, OutcomeKind::Uncertain))),
    ]);
    let message = host.sent_and_ended(Draft::through(&["a", "b"])).await;
    let unavailable = OutcomeKind::Unavailable;
    assert_eq!(
        outcomes(&message),
        [("a", unavailable), ("b", OutcomeKind::Uncertain), ("a", unavailable), ("b", OutcomeKind::Accepted)]
    );
    assert_eq!(starts(&message), [0, 0, 1, 1]);
    let round = [State::Queued, State::Sending];
    assert_eq!(states(&message), [round.repeat(2), vec![State::Sent]].concat());
}

#[tokio::test(start_paused = true)]
async fn who_rejects_is_out_and_when_all_are_it_is_over() {
    let host =
        host(vec![gateway("a", always(OutcomeKind::Rejected)), gateway("b", always(OutcomeKind::Rejected))]);
    let message = host.sent_and_ended(Draft::through(&["a", "b"])).await;
    assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Rejected)));
    assert_eq!((message.attempts.len(), starts(&message)), (2, vec![0, 0]));

    let host = self::host(vec![
        gateway("a", always(OutcomeKind::Rejected)),
        gateway("b", saying(times(2, OutcomeKind::Unavailable))),
    ]);
    let message = host.sent_and_ended(Draft::through(&["a", "b"])).await;
    let gateways = message.attempts.iter().map(|attempt| attempt.gateway.as_str()).collect::<Vec<_>>();
    assert_eq!(gateways, ["a", "b", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn throttled_pauses_the_gateway_and_counts_as_no_attempt() {
    let after = |seconds| Outcome {
        after: Some(Duration::from_secs(seconds)),
        ..Outcome::new(OutcomeKind::Throttled, "slow")
    };
    let provider = saying([vec![after(7)], times(9, OutcomeKind::Throttled)].concat());
    let host = host(vec![gateway("one", provider.clone())]);
    let message = host.sent_and_ended(Draft::through(&["one"])).await;
    assert_eq!(message.state, State::Sent);
    assert_eq!(starts(&message), [0, 7, 8, 10, 14, 22, 38, 70, 130, 190, 250]);
    assert_eq!(provider.submitted().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_paused_gateway_is_skipped_and_taken_again_after_its_pause() {
    let throttled =
        Outcome { after: Some(Duration::from_secs(30)), ..Outcome::new(OutcomeKind::Throttled, "slow") };
    let a = saying(vec![throttled]);
    let host = host(vec![gateway("a", a.clone()), gateway("b", FakeProvider::accepting(Duration::ZERO))]);
    let mut gateways = Vec::new();
    for _ in 0..4 {
        gateways.push(host.sent_and_ended(Draft::through(&["a", "b"])).await.gateway);
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
    assert_eq!(gateways, ["b", "b", "b", "a"]);
    assert_eq!(a.submitted().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_after_five_failures_and_one_tries() {
    let working = Arc::new(AtomicUsize::new(0));
    let works = Arc::clone(&working);
    let a = FakeProvider::new(move |_| {
        let ok = works.load(Ordering::Relaxed) == 1;
        let outcome = if ok {
            Outcome::accepted(Vec::new(), 1)
        } else {
            Outcome::new(OutcomeKind::Unavailable, "down")
        };
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            outcome
        }
        .boxed()
    });
    let host = host(vec![gateway("a", a.clone()), gateway("b", FakeProvider::accepting(Duration::ZERO))]);
    for _ in 0..10 {
        host.sent_and_ended(Draft::through(&["a", "b"])).await;
    }
    assert_eq!(a.submitted().len(), 5);
    assert_eq!(host.delivery.gateways().states()[0], ("a".to_owned(), GatewayState::Down));
    tokio::time::sleep(Duration::from_secs(10)).await;
    // Of many that come at once, one tries, and the others go on.
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(host.send(Draft::through(&["a", "b"])).await);
    }
    for id in ids {
        assert_eq!(host.ended(id).await.gateway, "b");
    }
    assert_eq!(a.submitted().len(), 6);
    working.store(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(host.sent_and_ended(Draft::through(&["a", "b"])).await.gateway, "a");
    assert_eq!(host.sent_and_ended(Draft::through(&["a", "b"])).await.gateway, "a");
    assert_eq!(host.delivery.gateways().states()[0].1, GatewayState::Up);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_gateway_goes_on_when_its_breaker_opens() {
    let slow_then_dead = FakeProvider::new(|_| {
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Outcome::new(OutcomeKind::Misconfigured, "wrong password")
        }
        .boxed()
    });
    let host = host(vec![
        gateway_with("a", slow_then_dead.clone(), |limits| limits.max_in_flight = 1),
        gateway("b", FakeProvider::accepting(Duration::ZERO)),
    ]);
    let mut ids = Vec::new();
    for _ in 0..1000 {
        ids.push(host.send(Draft::through(&["a", "b"])).await);
    }
    let alone = host.send(Draft::through(&["a"])).await;
    for id in ids {
        let message = host.ended(id).await;
        assert_eq!(
            (message.gateway.as_str(), message.updated_at.since(message.created_at).as_secs()),
            ("b", 1)
        );
    }
    assert_eq!(slow_then_dead.submitted().len(), 1);
    assert_eq!(host.message(alone).await.state, State::Queued);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_mid_round_goes_back_when_its_gateway_breaks() {
    let breaking = FakeProvider::new(|_| {
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Outcome::new(OutcomeKind::Misconfigured, "wrong password")
        }
        .boxed()
    });
    let host = host(vec![
        gateway("a", saying(times(1, OutcomeKind::Unavailable))),
        gateway_with("b", breaking, |limits| limits.max_in_flight = 1),
    ]);
    host.send(Draft::through(&["b"])).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let message = host.sent_and_ended(Draft::through(&["a", "b"])).await;
    // Behind the one that breaks b, then after a pause with a again: not when b's breaker lets one try.
    assert_eq!(outcomes(&message), [("a", OutcomeKind::Unavailable), ("a", OutcomeKind::Accepted)]);
    assert_eq!(starts(&message), [0, 1]);
    assert_eq!(states(&message), [State::Queued, State::Sending, State::Queued, State::Sending, State::Sent]);
}

#[tokio::test(start_paused = true)]
async fn misconfigured_opens_the_breaker_at_once_and_the_message_waits() {
    let a = always(OutcomeKind::Misconfigured);
    let host = host(vec![gateway("a", a.clone())]);
    let message = host.sent_and_ended(Draft::through(&["a"]).valid_for(100)).await;
    assert_eq!((message.state, message.reason), (State::Expired, None));
    assert_eq!(starts(&message), [0, 10, 30, 70]);
    assert_eq!(message.updated_at.since(message.created_at).as_secs(), 100);
}

#[tokio::test(start_paused = true)]
async fn unavailable_may_say_for_how_long() {
    let busy =
        Outcome { after: Some(Duration::from_secs(40)), ..Outcome::new(OutcomeKind::Unavailable, "busy") };
    let host = host(vec![gateway("one", saying(vec![busy]))]);
    assert_eq!(starts(&host.sent_and_ended(Draft::through(&["one"])).await), [0, 40]);
}

#[tokio::test(start_paused = true)]
async fn never_twice_ends_what_may_have_been_sent() {
    let never_twice =
        |name: &str, provider| gateway_with(name, provider, |limits| limits.on_uncertain = OnUncertain::Fail);
    let parts = Outcome {
        provider_ids: vec!["p1".into()],
        parts: 1,
        ..Outcome::new(OutcomeKind::Rejected, "part 2")
    };
    for (provider, reason) in [
        (always(OutcomeKind::Uncertain), OutcomeKind::Uncertain),
        (saying(vec![parts]), OutcomeKind::Rejected),
    ] {
        let b = FakeProvider::accepting(Duration::ZERO);
        let host = host(vec![never_twice("a", provider), gateway("b", b.clone())]);
        let message = host.sent_and_ended(Draft::through(&["a", "b"])).await;
        assert_eq!((message.state, message.reason), (State::Failed, Some(reason)));
        assert!(b.submitted().is_empty());
    }
    let host = host(vec![
        never_twice("a", always(OutcomeKind::Unavailable)),
        gateway("b", FakeProvider::accepting(Duration::ZERO)),
    ]);
    assert_eq!(host.sent_and_ended(Draft::through(&["a", "b"])).await.state, State::Sent);
}

#[tokio::test(start_paused = true)]
async fn a_submission_that_a_crash_cut_off_is_repeated_or_ends_as_uncertain() {
    for (on_uncertain, submissions, state) in
        [(OnUncertain::Retry, 2, State::Sent), (OnUncertain::Fail, 1, State::Failed)]
    {
        let store = Arc::new(MemoryStore::default());
        let clock = Clock::starting_at(NOON);
        let provider = FakeProvider::accepting(Duration::from_secs(5));
        let start = || {
            let gateway = gateway_with("one", provider.clone(), |limits| limits.on_uncertain = on_uncertain);
            Host::on(Arc::clone(&store), vec![gateway], clock)
        };
        let host = start();
        let id = host.send(Draft::through(&["one"])).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Like a kill: nothing gets to end.
        drop(host);
        let host = start();
        let message = host.ended(id).await;
        assert_eq!((message.state, provider.submitted().len()), (state, submissions));
        assert_eq!(message.reason.is_some(), state == State::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_sent_at_its_time_and_may_be_canceled_before() {
    let provider = FakeProvider::accepting(Duration::from_secs(1));
    let host = host(vec![gateway("one", provider.clone())]);
    let (kept, dropped) = (
        host.send(Draft::through(&["one"]).later(60)).await,
        host.send(Draft::through(&["one"]).later(60)).await,
    );
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(provider.submitted().is_empty());
    let mut ticket = host.delivery.ticket(dropped);
    assert_eq!(host.delivery.cancel(dropped).await.unwrap(), Canceled::Done);
    assert_eq!(ticket.finished().await.unwrap().state, State::Canceled);
    assert_eq!(host.delivery.cancel(dropped).await.unwrap(), Canceled::Refused(State::Canceled));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(host.delivery.cancel(kept).await.unwrap(), Canceled::Refused(State::Sending));
    let message = host.ended(kept).await;
    assert_eq!((starts(&message), provider.submitted().len()), (vec![60], 1));
    assert_eq!(host.delivery.cancel(kept).await.unwrap(), Canceled::Refused(State::Sent));
    assert_eq!(host.delivery.cancel(crate::message::MessageId::new()).await.unwrap(), Canceled::Unknown);
}

#[tokio::test(start_paused = true)]
async fn what_is_canceled_out_of_memory_is_not_submitted() {
    let provider = FakeProvider::accepting(Duration::from_secs(1));
    let host = host(vec![gateway_with("one", provider.clone(), |limits| limits.max_in_flight = 1)]);
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(host.send(Draft::through(&["one"]).text(number.to_string())).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for id in &ids[3..6] {
        assert_eq!(host.delivery.cancel(*id).await.unwrap(), Canceled::Done);
    }
    host.until_nothing_waits().await;
    assert_eq!(provider.texts(), ["0", "1", "2", "6", "7", "8", "9"]);
}

#[tokio::test(start_paused = true)]
async fn time_passes_for_each_gateway_by_itself() {
    let never = || always(OutcomeKind::Unavailable);
    let many = Retry { attempts: 1000, first: Duration::from_secs(10), max: Duration::from_secs(10) };
    let short = gateway_with("short", never(), |limits| {
        (limits.retry, limits.valid_for) = (many, Duration::from_secs(25));
    });
    let long = gateway_with("long", never(), |limits| {
        (limits.retry, limits.valid_for) = (many, Duration::from_secs(60));
    });
    let host = host(vec![short, long]);
    let message = host.sent_and_ended(Draft::through(&["short", "long"])).await;
    assert_eq!((message.state, message.updated_at.since(message.created_at).as_secs()), (State::Expired, 60));
    let last_short = message.attempts.iter().rposition(|attempt| attempt.gateway == "short").unwrap();
    assert!(message.attempts[last_short].started_at.since(message.created_at).as_secs() < 25);
    assert_eq!(message.expires_at.since(message.created_at).as_secs(), 60);
    // Its own time counts in place of theirs.
    let message = host.sent_and_ended(Draft::through(&["short", "long"]).valid_for(100)).await;
    assert_eq!(message.updated_at.since(message.created_at).as_secs(), 100);
}

#[tokio::test(start_paused = true)]
async fn what_waits_ends_on_time_whatever_its_gateway_does() {
    let stuck = FakeProvider::new(|_| std::future::pending().boxed());
    let gateway = gateway_with("one", stuck, |limits| {
        limits.max_in_flight = 1;
        limits.submit_timeout = Some(Duration::from_secs(1000));
    });
    let host = host(vec![gateway]);
    host.send(Draft::through(&["one"]).valid_for(900)).await;
    let mut ids = Vec::new();
    for number in 0..500 {
        ids.push((number, host.send(Draft::through(&["one"]).valid_for(1 + number % 50)).await));
    }
    for (number, id) in ids {
        let message = host.ended(id).await;
        let lived = message.updated_at.since(message.created_at);
        assert_eq!((message.state, lived.as_secs()), (State::Expired, 1 + number % 50), "{lived:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept() {
    let provider = FakeProvider::accepting(Duration::ZERO);
    let rate = crate::config::rate::parse("10/s").unwrap();
    let host = host(vec![gateway_with("one", provider.clone(), |limits| limits.rate = Some(rate))]);
    for _ in 0..200 {
        host.send(Draft::through(&["one"])).await;
    }
    let started = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_millis(5050)).await;
    assert_eq!(provider.submitted().len(), 60);
    host.until_nothing_waits().await;
    assert_eq!(started.elapsed().as_secs(), 19);
}

#[tokio::test(start_paused = true)]
async fn the_more_urgent_goes_first_and_equals_go_in_order() {
    let provider = FakeProvider::accepting(Duration::from_millis(100));
    let host = host(vec![gateway_with("one", provider.clone(), |limits| limits.max_in_flight = 1)]);
    let send = async |text: &str, priority| {
        host.send(Draft::through(&["one"]).text(text).priority(priority)).await;
    };
    send("first", Priority::Low).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    for (text, priority) in [
        ("low", Priority::Low),
        ("normal 1", Priority::Normal),
        ("normal 2", Priority::Normal),
        ("high", Priority::High),
    ] {
        send(text, priority).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    send("high late", Priority::High).await;
    host.until_nothing_waits().await;
    assert_eq!(provider.texts(), ["first", "high", "high late", "normal 1", "normal 2", "low"]);
}

#[tokio::test(start_paused = true)]
async fn an_urgent_message_overtakes_a_long_backlog_at_its_time() {
    let provider = FakeProvider::accepting(Duration::from_millis(10));
    let host = host(vec![gateway_with("one", provider.clone(), |limits| limits.max_in_flight = 1)]);
    host.send(Draft::through(&["one"]).text("code").priority(Priority::High).later(5)).await;
    for _ in 0..5000 {
        host.send(Draft::through(&["one"]).text("backlog")).await;
    }
    tokio::time::sleep(Duration::from_millis(5100)).await;
    let place = provider.texts().iter().position(|text| text == "code").unwrap();
    assert!((490..=505).contains(&place), "{place}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_gateway_holds_up_no_other() {
    let slow = FakeProvider::new(|_| std::future::pending().boxed());
    let host = host(vec![
        gateway_with("slow", slow, |limits| limits.max_in_flight = 2),
        gateway("quick", FakeProvider::accepting(Duration::from_millis(10))),
    ]);
    for _ in 0..20 {
        host.send(Draft::through(&["slow"])).await;
    }
    let message = host.sent_and_ended(Draft::through(&["quick"])).await;
    assert_eq!(message.updated_at.since(message.created_at), Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn submits_at_once_are_bounded_until_their_outcome_is_on_disk() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, peak) = (now.clone(), most.clone());
    let provider = FakeProvider::new(move |_| {
        peak.fetch_max(count.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        std::future::ready(Outcome::accepted(Vec::new(), 1)).boxed()
    });
    let done = now.clone();
    let store = Troubled::new(Arc::default(), move || {
        let done = done.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            // Once for the write, once for its answer.
            done.store(done.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
            Ok(())
        }
        .boxed()
    });
    let gateways = vec![gateway_with("one", provider.clone(), |limits| limits.max_in_flight = 3)];
    let host = Host::on(store, gateways, Clock::starting_at(NOON));
    for _ in 0..30 {
        host.send(Draft::through(&["one"])).await;
    }
    host.until_nothing_waits().await;
    assert!(most.load(Ordering::Relaxed) <= 3, "{most:?}");
    assert_eq!(provider.submitted().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_submit_that_takes_too_long_is_cancelled_as_uncertain() {
    let stuck = FakeProvider::new(|_| std::future::pending().boxed());
    let once = Retry { attempts: 1, first: Duration::from_secs(1), max: Duration::from_secs(1) };
    let host = host(vec![gateway_with("one", stuck, |limits| limits.retry = once)]);
    let message = host.sent_and_ended(Draft::through(&["one"])).await;
    assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Uncertain)));
    assert_eq!(message.updated_at.since(message.created_at), crate::gateway::SUBMIT_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_uncertain_and_the_rest_goes_on() {
    let provider = FakeProvider::new(|submission| {
        assert!(submission.content.text.expose() != "now", "at once");
        async move {
            assert!(submission.content.text.expose() != "later", "later");
            Outcome::accepted(Vec::new(), 1)
        }
        .boxed()
    });
    let once = Retry { attempts: 1, first: Duration::from_secs(1), max: Duration::from_secs(1) };
    let host = host(vec![gateway_with("one", provider, |limits| limits.retry = once)]);
    for text in ["now", "later"] {
        let message = host.sent_and_ended(Draft::through(&["one"]).text(text)).await;
        assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Uncertain)));
    }
    assert_eq!(host.sent_and_ended(Draft::through(&["one"])).await.state, State::Sent);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_what_goes_on_and_leaves_the_rest_queued() {
    let stuck = FakeProvider::new(|_| std::future::pending().boxed());
    let host = host(vec![
        gateway_with("one", FakeProvider::accepting(Duration::from_secs(5)), |limits| {
            limits.max_in_flight = 2
        }),
        gateway("two", stuck),
    ]);
    let mut ids = Vec::new();
    for gateway in ["one", "one", "one", "two"] {
        ids.push(host.send(Draft::through(&[gateway])).await);
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let drained = host.delivery.drain(Duration::from_secs(20)).await;
    assert_eq!(drained, Drained { finished: 2, cut_off: 1 });
    let mut ended = Vec::new();
    for id in ids {
        ended.push(host.message(id).await.state);
    }
    assert_eq!(ended, [State::Sent, State::Sent, State::Queued, State::Queued]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_gone_keeps_what_only_it_can_take() {
    let store = Arc::new(MemoryStore::default());
    let clock = Clock::starting_at(NOON);
    let stuck = || FakeProvider::new(|_| std::future::pending().boxed());
    let host = Host::on(store.clone(), vec![gateway("gone", stuck()), gateway("there", stuck())], clock);
    let alone = host.send(Draft::through(&["gone"])).await;
    let routed = host.send(Draft::through(&["gone", "there"])).await;
    drop(host);
    let host = Host::on(store, vec![gateway("there", FakeProvider::accepting(Duration::ZERO))], clock);
    assert_eq!(host.ended(routed).await.gateway, "there");
    tokio::time::sleep(Duration::from_secs(590)).await;
    assert_eq!(host.message(alone).await.state, State::Queued);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(host.message(alone).await.state, State::Expired);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_recorded_once_the_store_takes_it() {
    let failures = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&failures);
    let store = Troubled::new(Arc::default(), move || {
        let failing =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        std::future::ready(if failing { Err(StoreError::Full) } else { Ok(()) }).boxed()
    });
    let provider = FakeProvider::accepting(Duration::from_millis(1));
    let host = Host::on(store, vec![gateway("one", provider.clone())], Clock::starting_at(NOON));
    for _ in 0..1000 {
        host.send(Draft::through(&["one"])).await;
    }
    failures.store(200, Ordering::Relaxed);
    host.until_nothing_waits().await;
    // Nothing was submitted twice for a record that failed.
    assert_eq!(provider.submitted().len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wait_misses_its_end() {
    let provider = FakeProvider::new(|_| std::future::ready(Outcome::accepted(Vec::new(), 1)).boxed());
    let store = Arc::new(MemoryStore::default());
    let delivery = Delivery::start(
        store.clone(),
        vec![gateway("one", provider)],
        Clock::System,
        Arc::new(Metrics::new().unwrap()),
    );
    let host = Arc::new(Host { store, delivery, clock: Clock::System });
    let clients = (0..50).map(|_| {
        let host = Arc::clone(&host);
        tokio::spawn(async move {
            for _ in 0..100 {
                assert_eq!(host.sent_and_ended(Draft::through(&["one"])).await.state, State::Sent);
            }
        })
    });
    let all = futures_util::future::join_all(clients.collect::<Vec<_>>());
    for ended in tokio::time::timeout(Duration::from_secs(60), all).await.unwrap() {
        ended.unwrap();
    }
}

//! Gateways are defined anew, go and come back while messages flow.

use super::{
    rules::{always, host, outcomes, saying, starts, states, times},
    world::{Draft, Host, gateway, gateway_with},
};
use crate::{
    config::{OnUncertain, Retry},
    delivery::Stopping,
    gateway::{Gateway, GatewayState},
    message::{Outcome, OutcomeKind, Receipt, ReceiptStatus, State},
    plugin::fake::FakeProvider,
    store::{Canceled, Receipts as _, Store as _, memory::MemoryStore},
};
use futures_util::FutureExt as _;
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// Comes to `outcome` after some seconds.
fn slowly(seconds: u64, outcome: impl Fn() -> Outcome + Send + Sync + 'static) -> Arc<FakeProvider> {
    FakeProvider::new(move |_| {
        let outcome = outcome();
        async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            outcome
        }
        .boxed()
    })
}

fn accepting(seconds: u64) -> Arc<FakeProvider> {
    FakeProvider::accepting(Duration::from_secs(seconds))
}

impl Host<MemoryStore> {
    fn switch(&self, gateways: Vec<Gateway>) {
        self.delivery.switch(gateways).unwrap();
    }

    /// The gateways as they run.
    fn running(&self) -> Vec<Gateway> {
        self.delivery.gateways().iter().cloned().collect()
    }

    fn state(&self, name: &str) -> GatewayState {
        self.delivery.gateways().get(name).unwrap().status.describe().0
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_ends_as_it_began_and_the_next_goes_through_the_new_definition() {
    let (old, new) = (accepting(5), accepting(0));
    let host = host(vec![gateway("a", old.clone())]);
    let first = host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(SECOND).await;
    host.switch(vec![gateway("a", new.clone())]);
    let second = host.sent_and_ended(Draft::through(&["a"])).await;
    assert_eq!((starts(&second), second.state), (vec![0], State::Sent));
    // The one still has something to do, and the other one goes on beside it.
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!((old.starts_and_stops(), new.starts_and_stops()), ((1, 0), (1, 0)));
    let first = host.ended(first).await;
    assert_eq!(first.updated_at.since(first.created_at), 5 * SECOND);
    tokio::time::sleep(SECOND).await;
    assert_eq!((old.starts_and_stops(), new.starts_and_stops()), ((1, 1), (1, 0)));
    assert_eq!((old.submitted().len(), new.submitted().len()), (1, 1));
    host.delivery.drain(SECOND).await;
    assert_eq!((old.starts_and_stops(), new.starts_and_stops()), ((1, 1), (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn all_definitions_of_a_gateway_share_one_bound() {
    let bounded = |provider| gateway_with("a", provider, |limits| limits.max_in_flight = 2);
    let (old, new) = (accepting(5), accepting(0));
    let host = host(vec![bounded(old.clone())]);
    for _ in 0..3 {
        host.send(Draft::through(&["a"])).await;
    }
    tokio::time::sleep(SECOND).await;
    host.switch(vec![bounded(new.clone())]);
    tokio::time::sleep(3 * SECOND).await;
    // Theirs is not known yet.
    assert_eq!((old.submitted().len(), new.submitted().len()), (2, 0));
    host.until_nothing_waits().await;
    assert_eq!((old.submitted().len(), new.submitted().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_goes_ends_what_it_has_and_hands_over_what_waits() {
    let (a, b) = (accepting(5), accepting(0));
    let limited = gateway_with("a", a.clone(), |limits| limits.max_in_flight = 1);
    let host = host(vec![limited, gateway("b", b.clone())]);
    let in_flight = host.send(Draft::through(&["a", "b"])).await;
    tokio::time::sleep(SECOND).await;
    let mut planned = Vec::new();
    for _ in 0..600 {
        planned.push(host.send(Draft::through(&["a", "b"])).await);
    }
    let alone = host.send(Draft::through(&["a"])).await;
    let canceled = host.send(Draft::through(&["a"])).await;
    let short = host.send(Draft::through(&["a"]).valid_for(20)).await;
    // It was accepted a moment before, and comes to a queue that nobody serves any more.
    let late = host.admit(Draft::through(&["a", "b"]));
    let only_b = host.running().into_iter().filter(|gateway| &*gateway.name == "b").collect();
    host.switch(only_b);
    let id = late.id;
    host.store(late).await.unwrap();

    for id in planned.into_iter().chain([id]) {
        let message = host.ended(id).await;
        assert_eq!((message.gateway.as_str(), message.state), ("b", State::Sent));
        assert!(message.updated_at.since(message.created_at) <= SECOND);
    }
    assert_eq!(a.starts_and_stops(), (1, 0));
    let ended = host.ended(in_flight).await;
    assert_eq!((ended.gateway.as_str(), outcomes(&ended)), ("a", vec![("a", OutcomeKind::Accepted)]));
    tokio::time::sleep(SECOND).await;
    assert_eq!((a.starts_and_stops(), b.starts_and_stops()), ((1, 1), (1, 0)));
    // Its receipts belong to its messages all the same.
    let receipt = Receipt {
        gateway: "a".into(),
        provider_id: "id-1".into(),
        spellings: Vec::new(),
        status: ReceiptStatus::Delivered,
        code: None,
        detail: None,
        at: host.clock.now(),
    };
    host.store.receive(vec![receipt]).await.unwrap();
    assert_eq!(host.message(in_flight).await.state, State::Delivered);

    // What could go nowhere waits, can be canceled, expires on time, and goes when the gateway is back.
    assert_eq!(host.delivery.cancel(canceled).await.unwrap(), Canceled::Done);
    let expired = host.ended(short).await;
    assert_eq!((expired.state, expired.updated_at.since(expired.created_at).as_secs()), (State::Expired, 20));
    assert_eq!(host.message(alone).await.state, State::Queued);
    let back = accepting(0);
    host.switch(vec![gateway("a", back.clone()), host.running().remove(0)]);
    assert_eq!(host.ended(alone).await.state, State::Sent);
    tokio::time::sleep(SECOND).await;
    assert_eq!((a.submitted().len(), back.submitted().len(), b.submitted().len()), (1, 1, 601));
    assert_eq!((back.starts_and_stops(), b.starts_and_stops()), ((1, 0), (1, 0)));
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_at_once_submits_nothing_twice() {
    let old = accepting(5);
    let host = host(vec![gateway("a", old.clone())]);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(host.send(Draft::through(&["a"])).await);
    }
    tokio::time::sleep(SECOND).await;
    let new = accepting(0);
    host.switch(Vec::new());
    host.switch(vec![gateway("a", new.clone())]);
    ids.push(host.send(Draft::through(&["a"])).await);
    host.until_nothing_waits().await;
    tokio::time::sleep(SECOND).await;
    assert_eq!((old.submitted().len(), new.submitted().len()), (10, 1));
    assert_eq!((old.starts_and_stops(), new.starts_and_stops()), ((1, 1), (1, 0)));
    for id in ids {
        let message = host.message(id).await;
        assert_eq!(states(&message), [State::Queued, State::Sending, State::Sent]);
    }
}

#[tokio::test(start_paused = true)]
async fn never_twice_holds_for_what_began_under_it() {
    for gone in [true, false] {
        let unclear = slowly(5, || Outcome::new(OutcomeKind::Uncertain, "who knows"));
        let never_twice = gateway_with("a", unclear, |limits| limits.on_uncertain = OnUncertain::Fail);
        let b = accepting(0);
        let host = host(vec![never_twice, gateway("b", b.clone())]);
        let id = host.send(Draft::through(&["a", "b"])).await;
        tokio::time::sleep(SECOND).await;
        let a = gateway("a", accepting(0));
        host.switch(host.running().into_iter().skip(1).chain((!gone).then_some(a)).collect());
        let message = host.ended(id).await;
        assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Uncertain)));
        assert_eq!(b.submitted().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_as_the_definition_had_it_that_they_began_under() {
    let failing = slowly(5, || Outcome::new(OutcomeKind::Unavailable, "no"));
    let once = |limits: &mut crate::gateway::Limits| {
        limits.retry = Retry { attempts: 1, first: SECOND, max: SECOND };
    };
    let host = host(vec![gateway_with("a", failing, once)]);
    let id = host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(SECOND).await;
    host.switch(vec![gateway("a", accepting(0))]);
    assert_eq!(host.ended(id).await.state, State::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_fails_at_a_gateway_that_is_gone_goes_on_or_waits_for_it() {
    for kind in [OutcomeKind::Unavailable, OutcomeKind::Throttled, OutcomeKind::Misconfigured] {
        let failing = slowly(5, move || Outcome::new(kind, "no"));
        let host = host(vec![gateway("a", failing), gateway("b", accepting(0))]);
        let (planned, alone) =
            (host.send(Draft::through(&["a", "b"])).await, host.send(Draft::through(&["a"])).await);
        tokio::time::sleep(SECOND).await;
        host.switch(host.running().into_iter().skip(1).collect());
        let message = host.ended(planned).await;
        assert_eq!(outcomes(&message), [("a", kind), ("b", OutcomeKind::Accepted)]);
        assert_eq!(message.updated_at.since(message.created_at), 5 * SECOND);
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(host.message(alone).await.state, State::Queued);
        host.switch(vec![gateway("a", accepting(0))]);
        assert_eq!(host.ended(alone).await.state, State::Sent);
    }
    let refusing = slowly(5, || Outcome::new(OutcomeKind::Rejected, "no"));
    let host = host(vec![gateway("a", refusing)]);
    let id = host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(SECOND).await;
    host.switch(Vec::new());
    assert_eq!(host.ended(id).await.state, State::Failed);
}

#[tokio::test(start_paused = true)]
async fn who_may_still_come_back_is_waited_for_when_all_others_are_out() {
    let host = host(vec![
        gateway("a", accepting(0)),
        gateway("b", slowly(5, || Outcome::new(OutcomeKind::Rejected, "no"))),
    ]);
    let id = host.send(Draft::through(&["b", "a"])).await;
    tokio::time::sleep(SECOND).await;
    host.switch(host.running().into_iter().skip(1).collect());
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(host.message(id).await.state, State::Queued);
    host.switch(vec![gateway("a", accepting(0))]);
    let message = host.ended(id).await;
    assert_eq!(outcomes(&message), [("b", OutcomeKind::Rejected), ("a", OutcomeKind::Accepted)]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_has_not_changed_is_left_alone() {
    let (down, throttled) = (always(OutcomeKind::Unavailable), saying(times(1, OutcomeKind::Throttled)));
    let slow = gateway_with("slow", accepting(0), |limits| {
        limits.rate = Some(crate::config::rate::parse("1/s").unwrap());
    });
    let host = host(vec![gateway("down", down.clone()), gateway("throttled", throttled.clone()), slow]);
    for _ in 0..5 {
        host.send(Draft::through(&["down"]).valid_for(2)).await;
    }
    host.send(Draft::through(&["throttled"])).await;
    for _ in 0..3 {
        host.send(Draft::through(&["slow"])).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..5 {
        host.switch(host.running());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((host.state("down"), host.state("throttled")), (GatewayState::Down, GatewayState::Paused));
    assert_eq!((down.starts_and_stops(), throttled.starts_and_stops()), ((1, 0), (1, 0)));
    assert_eq!((down.submitted().len(), throttled.submitted().len()), (5, 1));
    assert_eq!(host.store.depths().iter().find(|(name, _)| name == "slow").unwrap().1, 2);
    // Another definition begins anew.
    let (new, mended) = (accepting(0), gateway("down", accepting(0)));
    host.switch(vec![mended, gateway("throttled", new.clone())]);
    assert_eq!((host.state("down"), host.state("throttled")), (GatewayState::Up, GatewayState::Up));
    host.sent_and_ended(Draft::through(&["throttled"])).await;
    assert_eq!(new.submitted().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rate_goes_on_over_definitions() {
    let at = |provider, rate| {
        gateway_with("a", provider, |limits| limits.rate = Some(crate::config::rate::parse(rate).unwrap()))
    };
    let (old, new) = (accepting(0), accepting(0));
    let host = host(vec![at(old.clone(), "10/s")]);
    for _ in 0..40 {
        host.send(Draft::through(&["a"])).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    host.switch(vec![at(new.clone(), "20/s")]);
    tokio::time::sleep(Duration::from_millis(949)).await;
    assert_eq!(old.submitted().len(), 10);
    assert!((18..=20).contains(&new.submitted().len()), "{}", new.submitted().len());
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_misconfigured_opened_closes_and_what_waited_goes_at_once() {
    let wrong = saying(times(1, OutcomeKind::Misconfigured));
    let host = host(vec![gateway("a", wrong.clone())]);
    let id = host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(host.state("a"), GatewayState::Down);
    host.switch(host.running());
    let message = host.ended(id).await;
    assert_eq!((starts(&message), wrong.starts_and_stops()), (vec![0, 2], (1, 0)));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_gateway_that_is_down_goes_to_one_that_comes() {
    let wrong = always(OutcomeKind::Unavailable);
    let host = host(vec![gateway("a", wrong), gateway("b", accepting(0))]);
    let b = host.running().remove(1);
    host.switch(vec![host.running().remove(0)]);
    for _ in 0..5 {
        host.send(Draft::through(&["a"])).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut new = host.admit(Draft::through(&["a"]));
    new.plan = vec!["a".into(), "b".into()];
    let id = new.id;
    host.store(new).await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(host.message(id).await.state, State::Queued);
    host.switch(vec![host.running().remove(0), gateway("b", Arc::clone(&b.handle))]);
    let message = host.ended(id).await;
    assert_eq!((message.gateway.as_str(), message.updated_at.since(message.created_at).as_secs()), ("b", 2));
}

#[tokio::test(start_paused = true)]
async fn a_shorter_validity_holds_for_what_waits_already() {
    let valid_for = |seconds| {
        let provider = accepting(0);
        let made =
            gateway_with("a", provider.clone(), |limits| limits.valid_for = Duration::from_secs(seconds));
        (provider, made)
    };
    let (provider, shorter) = valid_for(60);
    let host = host(vec![gateway_with("a", always(OutcomeKind::Misconfigured), |_| {})]);
    host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(SECOND).await;
    let id = host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(90 * SECOND).await;
    host.switch(vec![shorter]);
    let message = host.ended(id).await;
    assert_eq!((message.state, provider.submitted().len()), (State::Expired, 0));
}

#[tokio::test(start_paused = true)]
async fn who_stops_changes_nothing_any_more() {
    let (old, new) = (accepting(5), accepting(0));
    let host = host(vec![gateway("a", old.clone())]);
    let id = host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(SECOND).await;
    let draining = tokio::spawn({
        let delivery = Arc::clone(&host.delivery);
        async move { delivery.drain(Duration::from_secs(20)).await }
    });
    tokio::time::sleep(SECOND).await;
    let refused = host.delivery.switch(vec![gateway("a", new.clone()), gateway("b", new.clone())]);
    assert_eq!(refused.unwrap_err(), Stopping);
    assert_eq!(draining.await.unwrap().finished, 1);
    assert_eq!(host.message(id).await.state, State::Sent);
    assert_eq!((old.starts_and_stops(), new.starts_and_stops()), ((1, 1), (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_definitions_before_too() {
    let (old, new) = (accepting(5), accepting(0));
    let host = host(vec![gateway("a", old.clone()), gateway("b", accepting(0))]);
    host.send(Draft::through(&["a"])).await;
    tokio::time::sleep(SECOND).await;
    host.switch(vec![gateway("a", new.clone())]);
    tokio::time::sleep(SECOND).await;
    assert_eq!(host.delivery.drain(Duration::from_secs(20)).await.finished, 1);
    assert_eq!((old.starts_and_stops(), new.starts_and_stops()), ((1, 1), (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_a_gateway_that_is_gone_and_has_no_queue() {
    let host = host(vec![gateway("a", accepting(0)), gateway("b", accepting(0))]);
    host.sent_and_ended(Draft::through(&["a"])).await;
    host.switch(Vec::new());
    let figures = async || {
        let figures = host.delivery.figures(Duration::from_secs(1)).await;
        figures
            .into_iter()
            .map(|figures| (figures.name, figures.running.map(|running| running.breaker)))
            .collect::<Vec<_>>()
    };
    assert_eq!(figures().await, []);
    host.switch(vec![gateway("b", accepting(9))]);
    host.send(Draft::through(&["b"])).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(host.delivery.figures(Duration::from_secs(1)).await[0].in_flight, 1);
    host.switch(Vec::new());
    assert_eq!(figures().await, [("b".to_owned(), None)]);
    tokio::time::sleep(9 * SECOND).await;
    assert_eq!(figures().await, []);
}

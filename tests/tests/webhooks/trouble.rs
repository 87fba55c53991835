//! Receivers that hang, fail and go away: the delivery and the other receivers don't notice, and nothing is lost.

use super::{accepted, all_sent, change, count, sent, site, until_nothing_waits, waiting};
use gatepost_tests::{Host, eventually, peers::webhook_receiver::WebhookReceiver};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// What one message may take from its acceptance to its end, with room for a slow machine; a try of a webhook may take 15 s.
const USUAL: Duration = Duration::from_secs(14);

#[test]
fn a_receiver_in_trouble_holds_up_neither_the_delivery_nor_another_receiver() {
    let (troubled, well) = (WebhookReceiver::start(), WebhookReceiver::start());
    let site = site(&[&troubled, &well], "");
    let host = Host::start(&site);
    let mut missed = Vec::new();
    for mode in ["hang", "fail", "redirect", "missing", "throttle"] {
        troubled.say(mode);
        let before = troubled.received().len();
        let began = Instant::now();
        let ids = (0..12).map(|_| accepted(&host, &troubled.url("/hook"))).collect::<Vec<_>>();
        let others = (0..12).map(|_| accepted(&host, &well.url("/hook"))).collect::<Vec<_>>();
        for id in ids.iter().chain(&others) {
            host.until_state(id, "sent");
        }
        well.until_taken(&all_sent(&others));
        assert!(began.elapsed() < USUAL, "{mode}: {:?}", began.elapsed());
        troubled.until_asked(before + 1);
        assert!(troubled.taken().is_empty(), "{mode}");
        missed.extend(ids);
    }
    assert_eq!(well.received().len(), 60, "each once");
    troubled.say("ok");
    let taken = troubled.until_taken(&all_sent(&missed));
    assert_eq!(taken.len(), missed.len(), "each is taken once");
    let redirected = troubled.received().into_iter().find(|received| received.path != "/hook");
    assert!(redirected.is_none(), "a redirect was followed: {redirected:?}");
}

#[test]
fn a_receiver_that_is_down_gets_what_it_missed_after_the_host_was_killed_too() {
    let mut receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let host = Host::start(&site);
    receiver.go_down();
    let mut ids = (0..30).map(|_| sent(&host, &receiver.url("/hook"))).collect::<Vec<_>>();
    host.kill();
    let host = Host::start(&site);
    assert_eq!(host.metric(&waiting(&receiver)), 30.0);
    ids.extend((0..30).map(|_| sent(&host, &receiver.url("/hook"))));
    receiver.come_back();
    receiver.until_taken(&all_sent(&ids));
    assert!(host.log().contains("webhooks were waiting at the start"), "{}", host.log());
}

#[test]
fn kills_lose_no_webhook_and_repeat_one_under_its_own_id() {
    let receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let mut ids = Vec::new();
    for round in 0..4 {
        let host = Host::start(&site);
        let before = receiver.taken().len();
        ids.extend((0..40).map(|_| accepted(&host, &receiver.url("/hook"))));
        // At another point of its work each time.
        eventually("some were told", || (receiver.taken().len() >= before + round * 8).then_some(()));
        host.kill();
    }
    let host = Host::start(&site);
    for id in &ids {
        host.until_state(id, "sent");
    }
    let taken = receiver.until_taken(&all_sent(&ids));
    let known = taken.iter().map(|received| received.id.as_str()).collect::<HashSet<_>>();
    assert_eq!(known.len(), ids.len(), "a repetition has the id of the first");
    // A kill may repeat what was under way: eight at most.
    assert!(taken.len() <= ids.len() + 4 * 8, "{} for {}", taken.len(), ids.len());
    until_nothing_waits(&host, &receiver);
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_receiver_that_wants_no_more_is_left_in_peace() {
    let receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let host = Host::start(&site);
    receiver.say("gone");
    let id = sent(&host, &receiver.url("/hook"));
    until_nothing_waits(&host, &receiver);
    let received = receiver.received();
    assert_eq!(received.iter().map(|received| &received.id).collect::<Vec<_>>(), [&change(&id, "sent")]);
    assert_eq!(count(&host, &receiver, "given_up"), 1.0);
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let host = Host::start(&site);
    receiver.say("throttle");
    let id = sent(&host, &receiver.url("/hook"));
    let first = receiver.until_asked(1).remove(0);
    receiver.say("ok");
    let taken = receiver.until_taken(&all_sent(&[id])).remove(0);
    assert!(taken.at - first.at >= 1.9, "{} s", taken.at - first.at);
    assert!(
        taken.headers["webhook-timestamp"].as_str() > first.headers["webhook-timestamp"].as_str(),
        "each try has its own time"
    );
}

#[test]
fn an_origin_that_is_not_allowed_any_more_gets_nothing() {
    let mut receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let host = Host::start(&site);
    receiver.go_down();
    let id = sent(&host, &receiver.url("/hook"));
    host.kill();
    receiver.come_back();
    let allowing = site.configuration();
    site.configure(&allowing.replace(&receiver.origin(), "http://127.0.0.1:1"));
    let host = Host::start(&site);
    assert!(
        host.log().contains("webhooks wait for an origin that is not allowed any more"),
        "{}",
        host.log()
    );
    // Whatever else it does.
    let other = host.send_and_wait("outbox", super::TO, "hello");
    assert_eq!(other.status, 200);
    assert!(receiver.received().is_empty());
    assert_eq!(host.terminate().code(), Some(0));
    // Once it is allowed again, it gets what it missed.
    site.configure(&allowing);
    let _host = Host::start(&site);
    receiver.until_taken(&all_sent(&[id]));
}

#[test]
fn the_end_of_the_host_waits_for_what_a_slow_receiver_is_taking() {
    let receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let mut host = Host::start(&site);
    receiver.say("slow");
    sent(&host, &receiver.url("/hook"));
    receiver.until_asked(1);
    host.ask_to_end();
    eventually("it is stopping", || host.log().contains("stopping: submits").then_some(()));
    assert!(host.is_running(), "the receiver has not answered yet");
    receiver.say("ok");
    assert_eq!(host.ended().code(), Some(0));
    // It was taken: the next start has nothing to repeat.
    let host = Host::start(&site);
    until_nothing_waits(&host, &receiver);
    assert_eq!(receiver.received().len(), 1);
}

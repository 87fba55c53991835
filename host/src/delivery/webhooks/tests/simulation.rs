//! Random scenarios: receivers of every temper, a store that is slow and fails, hosts that are killed at any moment, receipts that come
//! early and late. Nothing is lost, nothing is told before what came before it, and no receiver is overrun. How one is repeated by its
//! seed: [`crate::delivery::tests::scenarios`].

use super::{Troubled, World, refused};
use crate::{
    delivery::{
        tests::scenarios,
        webhooks::{client::Answer, client::Outgoing},
    },
    message::{Clock, MessageId, State},
    plugin::fake::NOON,
    store::{StoreError, Webhooks as _, memory::MemoryStore},
};
use fastrand::Rng;
use futures_util::FutureExt as _;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// Scenarios in one run.
const SCENARIOS: u64 = 150;

/// Two receivers, the first with two addresses.
const URLS: [&str; 3] = [super::APP, "https://app.example/second", super::OTHER];

/// What is under way to an origin at most.
const AT_ONCE: usize = 8;

/// What all lives of the host share.
#[derive(Default)]
struct Journal {
    /// What receivers were asked, in the order in which that began; and whether they took it.
    asked: Vec<(String, bool)>,
    under_way: HashMap<&'static str, usize>,
}

struct UnderWay(Arc<Mutex<Journal>>, &'static str);

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.lock().unwrap().under_way.get_mut(self.1).unwrap() -= 1;
    }
}

/// Of 100 tries, how many are refused, end in trouble, and hang; and how long an answer takes.
#[derive(Clone, Copy)]
struct Temper {
    shares: [u32; 3],
    latency_ms: u64,
}

fn temper(rng: &mut Rng) -> Temper {
    let kinds = [[0; 3], [30, 0, 0], [10, 30, 5], [0, 100, 0], [0, 0, 100], [100, 0, 0], [20, 20, 20]];
    Temper { shares: kinds[rng.usize(..kinds.len())], latency_ms: [0, 1, 50, 2000][rng.usize(..4)] }
}

fn answer(temper: Temper, drawn: u32) -> (Duration, Answer) {
    let [refusals, troubles, hangs] = temper.shares;
    let latency = Duration::from_millis(temper.latency_ms);
    match drawn {
        _ if drawn < refusals => (latency, refused(404)),
        _ if drawn < refusals + troubles => (latency, refused(500)),
        _ if drawn < refusals + troubles + hangs => {
            (Duration::from_secs(15), Answer::Silent("no answer".into()))
        }
        _ => (latency, Answer::Taken),
    }
}

/// One life of the host; `well`: all receivers take what comes.
fn live(
    store: &Arc<MemoryStore>,
    clock: Clock,
    rng: &Arc<Mutex<Rng>>,
    journal: &Arc<Mutex<Journal>>,
    well: bool,
) -> World {
    let tempers = URLS.map(|_| temper(&mut rng.lock().unwrap()));
    let fails = !well && rng.lock().unwrap().bool();
    let (drawing, dice) = (Arc::clone(rng), Arc::clone(rng));
    let through = Troubled::new(Arc::clone(store), move || {
        let (delay, fails) = {
            let mut rng = drawing.lock().unwrap();
            (rng.u64(..30), fails && rng.u32(..10) == 0)
        };
        async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            if fails { Err(StoreError::Busy) } else { Ok(()) }
        }
        .boxed()
    });
    let journal = Arc::clone(journal);
    World::on(Arc::clone(store), through, clock, move |outgoing: &Outgoing| {
        let number = URLS.iter().position(|url| **url == *outgoing.url).unwrap();
        let origin = if number == 2 { "other" } else { "app" };
        let (latency, answer) = match well {
            true => (Duration::ZERO, Answer::Taken),
            false => answer(tempers[number], dice.lock().unwrap().u32(..100)),
        };
        {
            let mut journal = journal.lock().unwrap();
            journal.asked.push((outgoing.id.clone(), answer == Answer::Taken));
            let under_way = journal.under_way.entry(origin).or_default();
            *under_way += 1;
            assert!(*under_way <= AT_ONCE, "{under_way} under way to {origin}");
        }
        let under_way = UnderWay(Arc::clone(&journal), origin);
        async move {
            tokio::time::sleep(latency).await;
            drop(under_way);
            answer
        }
        .boxed()
    })
}

async fn scenario(seed: u64) {
    let rng = Arc::new(Mutex::new(Rng::with_seed(seed)));
    let draw = |below: u64| rng.lock().unwrap().u64(..below);
    let (store, clock) = (Arc::<MemoryStore>::default(), Clock::starting_at(NOON));
    let journal = Arc::<Mutex<Journal>>::default();
    let mut messages: Vec<(MessageId, Option<State>)> = Vec::new();
    for _ in 0..1 + draw(4) {
        let world = live(&store, clock, &rng, &journal, false);
        for _ in 0..1 + draw(15) {
            match draw(4) {
                0 => tokio::time::sleep(Duration::from_millis(draw(60_000))).await,
                1 | 2 => {
                    for _ in 0..1 + draw(6) {
                        messages.push((world.sent(URLS[draw(3) as usize]).await, None));
                    }
                }
                _ => {
                    let open = messages.iter_mut().filter(|(_, last)| last.is_none()).collect::<Vec<_>>();
                    let count = open.len() as u64;
                    if let Some((id, last)) = open.into_iter().nth(draw(count.max(1)) as usize) {
                        let state = [State::Delivered, State::Undelivered][draw(2) as usize];
                        world.receipt(*id, state);
                        *last = Some(state);
                    }
                }
            }
        }
        // Killed: what is under way is cut off in the middle.
        world.webhooks.drain(Instant::now()).await;
    }
    let last = live(&store, clock, &rng, &journal, true);
    let began = clock.now();
    last.until_nothing_waits().await;
    assert!(clock.now().since(began) <= Duration::from_secs(301), "no backoff is longer than five minutes");
    let journal = journal.lock().unwrap();
    let first_taken = |id: &str| journal.asked.iter().position(|(asked, taken)| asked == id && *taken);
    for (id, last) in &messages {
        let sent = format!("msg_{id}_sent");
        let taken = first_taken(&sent).unwrap_or_else(|| panic!("{sent} is lost"));
        let Some(last) = last else { continue };
        let later = format!("msg_{id}_{last}");
        assert!(first_taken(&later).is_some(), "{later} is lost");
        let asked = journal.asked.iter().position(|(asked, _)| *asked == later).unwrap();
        let again = journal.asked.iter().rposition(|(asked, _)| *asked == sent).unwrap();
        assert!(taken < asked && again < asked, "{later} is told before {sent} was taken");
    }
    assert!(store.webhooks_waiting().is_empty());
}

#[test]
fn random_scenarios_keep_every_promise() {
    scenarios::play(0..scenarios::count(SCENARIOS), scenario);
}

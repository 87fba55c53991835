//! Random scenarios on a paused clock: gateways of every temper that are defined anew, go and come back, a store that is slow and fails,
//! crashes at any moment. What the delivery promises must hold in each. How one is repeated by its seed: [`super::scenarios`].

use super::{
    scenarios,
    world::{Draft, Host, Troubled, gateway_with},
};
use crate::{
    config::{OnUncertain, Rate, Retry},
    delivery::Inbox,
    gateway::{Gateway, Limits},
    message::{
        Clock, Message, MessageId, Outcome, OutcomeKind, Priority, ReceiptStatus, State, Timestamp,
        delivery_state,
    },
    plugin::{
        ServiceEvent,
        fake::{FakeProvider, NOON},
    },
    store::{Canceled, Receipts as _, Store as _, StoreError, memory::MemoryStore},
};
use fastrand::Rng;
use futures_util::FutureExt as _;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Scenarios in one run.
const SCENARIOS: u64 = 300;

/// The longest that anything in a scenario is worth something.
const LONGEST: u64 = 120;

/// What one submission was.
#[derive(Clone, Debug)]
struct Submitted {
    gateway: String,
    at: Timestamp,
    /// When its outcome was handed back; `None`: cut off.
    ended: Option<(Timestamp, OutcomeKind)>,
    /// In which life of the host.
    life: u32,
    /// What the gateway's definition said that it went by.
    limits: Limits,
}

/// Everything that was submitted, by message.
type Journal = Arc<Mutex<HashMap<MessageId, Vec<Submitted>>>>;

/// A part: its gateway, and the id that the service there gave to it.
type Part = (String, String);

/// How a service spells the ids that it gives, and then those in receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    /// In decimal both: one message's id read in the other base is another one's.
    Decimal,
    /// In hexadecimal both.
    Hexadecimal,
    /// In decimal, and then in hexadecimal.
    ThenHexadecimal,
    /// In hexadecimal, and then in decimal with zeros in front.
    ThenDecimal,
}

impl Speech {
    fn of(gateway: &str, seed: u64) -> Self {
        let all = [Self::Decimal, Self::Hexadecimal, Self::ThenHexadecimal, Self::ThenDecimal];
        let mixed =
            gateway.bytes().fold(seed, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte.into()));
        all[usize::try_from(mixed % 4).unwrap()]
    }

    /// As it is given, and as it is spelled later.
    fn spell(self, count: u32) -> (String, String) {
        // Services that respell count in their millions, as those of the world do: no id of theirs is another one in the other base.
        let large = 20_000_000 + u64::from(count);
        match self {
            Self::Decimal => (count.to_string(), count.to_string()),
            Self::Hexadecimal => (format!("{count:x}"), format!("{count:x}")),
            Self::ThenHexadecimal => (large.to_string(), format!("{large:x}")),
            Self::ThenDecimal => (format!("{large:X}"), format!("{large:010}")),
        }
    }
}

/// As a provider tells them.
fn spellings(id: &str) -> Vec<String> {
    let numbers = [id.parse::<u64>().ok(), u64::from_str_radix(id, 16).ok()];
    let spellings =
        numbers.into_iter().flatten().flat_map(|n| [n.to_string(), format!("{n:x}"), format!("{n:X}")]);
    spellings.filter(|spelling| spelling != id).collect()
}

/// The services behind the gateways, as far as they talk back. They live on while the host dies.
#[derive(Clone, Default)]
struct Services {
    /// Where the host takes what they say, as long as it lives.
    line: Arc<Mutex<Option<(Inbox, CancellationToken)>>>,
    /// What the host has acknowledged, in the order in which it was said.
    acknowledged: Arc<Mutex<HashMap<Part, Vec<ReceiptStatus>>>>,
    /// Parts by gateway: two services give the same ids.
    counts: Arc<Mutex<HashMap<String, u32>>>,
    talking: Arc<AtomicUsize>,
    seed: u64,
}

impl Services {
    /// Takes a message in some parts, of each of which something may be said: soon, before the submission's own answer, or late.
    fn take(&self, gateway: &str, rng: &mut Rng) -> Vec<String> {
        const WORDS: [ReceiptStatus; 3] =
            [ReceiptStatus::Pending, ReceiptStatus::Delivered, ReceiptStatus::Undelivered];
        let count = rng.u32(0..4);
        let part = |_| {
            let (id, later) = {
                let mut counts = self.counts.lock().unwrap();
                let count = counts.entry(gateway.to_owned()).or_default();
                *count += 1;
                Speech::of(gateway, self.seed).spell(*count)
            };
            let longest = if rng.bool() { 600 } else { 30_000 };
            let words = (0..rng.usize(0..4)).map(|_| (rng.u64(..longest), WORDS[rng.usize(..3)])).collect();
            self.talking.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(self.clone().talk((gateway.to_owned(), id.clone()), later, words));
            id
        };
        (0..count).map(part).collect()
    }

    async fn talk(self, part: Part, spelled: String, words: Vec<(u64, ReceiptStatus)>) {
        for (pause, status) in words {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            while !self.say(&part.0, &spelled, status).await {
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            self.acknowledged.lock().unwrap().entry(part.clone()).or_default().push(status);
        }
        self.talking.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the host has it on disk, for all that the service knows.
    async fn say(&self, gateway: &str, provider_id: &str, status: ReceiptStatus) -> bool {
        let line = self.line.lock().unwrap().clone();
        let Some((inbox, life)) = line else { return false };
        let (spellings, provider_id) = (spellings(provider_id), provider_id.to_owned());
        let event = ServiceEvent::Receipt { provider_id, spellings, status, code: None, detail: None };
        tokio::select! {
            biased;
            () = life.cancelled() => false,
            taken = inbox.put(gateway, vec![event]) => taken.is_ok(),
        }
    }

    /// The part that is meant by what stands in a receipt.
    fn part(&self, gateway: String, spelled: &str) -> Part {
        let speech = Speech::of(&gateway, self.seed);
        let count = self.counts.lock().unwrap()[&gateway];
        let meant = (1..=count).map(|count| speech.spell(count)).find(|(_, later)| later == spelled);
        (gateway, meant.unwrap().0)
    }

    /// The first word for good on a part.
    fn word(&self, gateway: &str, provider_id: &str) -> Option<ReceiptStatus> {
        let acknowledged = self.acknowledged.lock().unwrap();
        let words = acknowledged.get(&(gateway.to_owned(), provider_id.to_owned()))?;
        words.iter().copied().find(|word| *word != ReceiptStatus::Pending)
    }
}

/// How a service behaves.
#[derive(Clone, Copy, Debug)]
struct Temper {
    latency_ms: u64,
    /// Of 100 submissions, how many come to each: unavailable, uncertain, throttled, rejected, misconfigured, hang.
    shares: [u32; 6],
}

fn temper(rng: &mut Rng) -> Temper {
    let kinds = [
        [0; 6],
        [30, 0, 0, 0, 0, 0],
        [10, 10, 10, 5, 1, 2],
        [100, 0, 0, 0, 0, 0],
        [0, 0, 60, 0, 0, 0],
        [0, 40, 0, 0, 0, 0],
        [0, 0, 0, 50, 0, 0],
        [0, 0, 0, 0, 100, 0],
        [0, 0, 0, 0, 0, 100],
    ];
    Temper { latency_ms: [0, 1, 20, 500][rng.usize(..4)], shares: kinds[rng.usize(..kinds.len())] }
}

fn outcome(temper: Temper, rng: &mut Rng) -> Option<Outcome> {
    let kinds = [
        OutcomeKind::Unavailable,
        OutcomeKind::Uncertain,
        OutcomeKind::Throttled,
        OutcomeKind::Rejected,
        OutcomeKind::Misconfigured,
    ];
    let mut drawn = rng.u32(..100);
    for (number, share) in temper.shares.into_iter().enumerate() {
        if drawn < share {
            let mut outcome = Outcome::new(*kinds.get(number)?, "by chance");
            if rng.bool() && outcome.kind == OutcomeKind::Throttled {
                outcome.after = Some(Duration::from_millis(rng.u64(1..20_000)));
            }
            return Some(outcome);
        }
        drawn -= share;
    }
    Some(Outcome::accepted(vec!["id".into()], 1))
}

/// A gateway as it is defined now.
#[derive(Clone, Debug)]
struct Definition {
    name: String,
    limits: Limits,
    temper: Temper,
    /// Not in the configuration, but it was and may be again.
    is_gone: bool,
}

impl Definition {
    fn new(name: String, rng: &mut Rng) -> Self {
        let limits = Limits {
            valid_for: Duration::from_secs(rng.u64(2..LONGEST)),
            submit_timeout: Some(Duration::from_secs(rng.u64(1..8))),
            max_in_flight: [1, 2, 64][rng.usize(..3)],
            rate: rng.bool().then(|| Rate { count: rng.u32(1..50), per: Duration::from_secs(1) }),
            retry: Retry {
                attempts: rng.u32(1..6),
                first: Duration::from_millis(rng.u64(100..3000)),
                max: Duration::from_secs(rng.u64(3..30)),
            },
            on_uncertain: if rng.u32(..4) == 0 { OnUncertain::Fail } else { OnUncertain::Retry },
        };
        Self { name, limits, temper: temper(rng), is_gone: false }
    }
}

/// The host in one of its lives, and the providers of its gateways.
struct Life {
    host: Host<Troubled>,
    providers: HashMap<String, Arc<FakeProvider>>,
}

/// A scenario: what stays the same in all lives of the host.
struct Scenario {
    seed: u64,
    rng: Arc<Mutex<Rng>>,
    clock: Clock,
    definitions: Vec<Definition>,
    /// The most submissions that any definition of a gateway allowed.
    attempts: HashMap<String, u32>,
    /// The providers of gateways that went, in this life of the host.
    left: Vec<Arc<FakeProvider>>,
    store: Arc<MemoryStore>,
    journal: Journal,
    services: Services,
    life: u32,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(1..5);
        let definitions = (0..count).map(|number| Definition::new(format!("g{number}"), &mut rng));
        let definitions = definitions.collect::<Vec<_>>();
        let attempts = definitions.iter().map(|one| (one.name.clone(), one.limits.retry.attempts));
        let attempts = attempts.collect();
        Self {
            seed,
            rng: Arc::new(Mutex::new(rng)),
            clock: Clock::starting_at(NOON),
            definitions,
            attempts,
            left: Vec::new(),
            store: Arc::default(),
            journal: Arc::default(),
            services: Services { seed, ..Services::default() },
            life: 0,
        }
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap())
    }

    /// One life of the host.
    fn start(&mut self) -> Life {
        self.left.clear();
        let built = self.definitions.iter().filter(|definition| !definition.is_gone);
        let built = built.map(|definition| self.gateway(definition)).collect::<Vec<_>>();
        let providers =
            built.iter().map(|(gateway, provider)| (gateway.name.to_string(), Arc::clone(provider)));
        let providers = providers.collect();
        let gateways = built.into_iter().map(|(gateway, _)| gateway).collect();
        let rng = Arc::clone(&self.rng);
        let trouble = self.draw(|rng| rng.u32(..3));
        let store = Troubled::new(Arc::clone(&self.store), move || {
            let (delay, fails) = {
                let mut rng = rng.lock().unwrap();
                (rng.u64(..30), trouble == 1 && rng.u32(..10) == 0)
            };
            async move {
                if trouble > 0 {
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                }
                if fails { Err(StoreError::Busy) } else { Ok(()) }
            }
            .boxed()
        });
        let host = Host::on(store, gateways, self.clock);
        *self.services.line.lock().unwrap() = Some((host.delivery.inbox().clone(), CancellationToken::new()));
        Life { host, providers }
    }

    /// Some gateways are defined anew, some go, some come back, some stay as they are.
    fn reload(&mut self, life: &mut Life) {
        let mut gateways = Vec::new();
        let stays = self.draw(|rng| rng.usize(..self.definitions.len()));
        for (number, mut definition) in self.definitions.clone().into_iter().enumerate() {
            let name = definition.name.clone();
            let (changes, goes) = self.draw(|rng| (rng.u32(..3) == 0, rng.u32(..3) == 0));
            let was_gone = std::mem::replace(&mut definition.is_gone, goes && number != stays);
            if changes || was_gone {
                let is_gone = definition.is_gone;
                definition = Definition { is_gone, ..self.draw(|rng| Definition::new(name.clone(), rng)) };
                let most = self.attempts.entry(name.clone()).or_default();
                *most = (*most).max(definition.limits.retry.attempts);
            }
            let keeps = !definition.is_gone && !changes && !was_gone;
            if keeps {
                gateways.push(life.host.delivery.gateways().get(&name).unwrap().clone());
            } else {
                self.left.extend(life.providers.remove(&name));
            }
            if !keeps && !definition.is_gone {
                let (gateway, provider) = self.gateway(&definition);
                gateways.push(gateway);
                life.providers.insert(name, provider);
            }
            self.definitions[number] = definition;
        }
        life.host.delivery.switch(gateways).unwrap();
    }

    /// Every provider is started once, and stopped once what it had to do is over; one that went at once was perhaps never started.
    fn check_providers(&self, life: &Life) {
        for provider in life.providers.values() {
            assert_eq!(provider.starts_and_stops(), (1, 0), "seed {}", self.seed);
        }
        for provider in &self.left {
            let (starts, stops) = provider.starts_and_stops();
            assert!(starts == stops && starts <= 1, "seed {}: {starts} starts, {stops} stops", self.seed);
        }
    }

    /// A kill: nothing of this host gets to do anything more.
    fn kill(&self, life: Life) {
        for provider in life.providers.values().chain(&self.left) {
            provider.starts_and_stops();
        }
        if let Some((_, life)) = self.services.line.lock().unwrap().take() {
            life.cancel();
        }
        drop(life);
    }

    fn gateway(&self, definition: &Definition) -> (Gateway, Arc<FakeProvider>) {
        let Definition { name, limits, temper, .. } = definition.clone();
        let (journal, rng, clock) = (Arc::clone(&self.journal), Arc::clone(&self.rng), self.clock);
        let (gateway, life, services) = (name.clone(), self.life, self.services.clone());
        let provider = FakeProvider::new(move |submission| {
            let id = submission.id;
            let outcome = {
                let mut rng = rng.lock().unwrap();
                let mut outcome = outcome(temper, &mut rng);
                match &mut outcome {
                    Some(accepted) if accepted.kind == OutcomeKind::Accepted => {
                        *accepted = Outcome::accepted(services.take(&gateway, &mut rng), 1);
                    }
                    // It may have been taken all the same, and nobody gets to know the ids.
                    None => drop(services.take(&gateway, &mut rng)),
                    Some(unclear) if unclear.kind == OutcomeKind::Uncertain => {
                        drop(services.take(&gateway, &mut rng));
                    }
                    Some(_) => {}
                }
                outcome
            };
            let begun = Submitted { gateway: gateway.clone(), at: clock.now(), ended: None, life, limits };
            let number = {
                let mut journal = journal.lock().unwrap();
                let submissions = journal.entry(id).or_default();
                submissions.push(begun);
                submissions.len() - 1
            };
            let journal = Arc::clone(&journal);
            async move {
                tokio::time::sleep(Duration::from_millis(temper.latency_ms)).await;
                let Some(outcome) = outcome else { return std::future::pending().await };
                journal.lock().unwrap().get_mut(&id).unwrap()[number].ended =
                    Some((clock.now(), outcome.kind));
                outcome
            }
            .boxed()
        });
        (gateway_with(&name, provider.clone(), |own| *own = limits), provider)
    }

    fn draft(&self) -> Draft {
        let there = self.definitions.iter().filter(|definition| !definition.is_gone);
        let names = there.map(|definition| definition.name.as_str()).collect::<Vec<_>>();
        self.draw(|rng| {
            let mut plan = names.clone();
            rng.shuffle(&mut plan);
            plan.truncate(rng.usize(1..=names.len()));
            let priority = [Priority::High, Priority::Normal, Priority::Low][rng.usize(..3)];
            let mut draft = Draft::through(&plan).text(priority.as_str()).priority(priority);
            if rng.u32(..3) == 0 {
                draft = draft.valid_for(rng.u64(1..LONGEST));
            }
            if rng.u32(..5) == 0 {
                draft = draft.later(rng.u64(1..20));
            }
            draft
        })
    }

    async fn pause(&self, most_ms: u64) {
        let pause = self.draw(|rng| rng.u64(..most_ms));
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    async fn play(mut self) {
        let mut accepted = Vec::new();
        let mut canceled = Vec::new();
        let lives = self.draw(|rng| rng.u32(1..4));
        while self.life < lives {
            let mut life = self.start();
            let reloads = self.draw(|rng| if rng.bool() { 0 } else { rng.u32(2..20) });
            for _ in 0..self.draw(|rng| rng.u32(1..60)) {
                let new = life.host.admit(self.draft());
                // In the middle of an accept, for that matter.
                if reloads > 0 && self.draw(|rng| rng.u32(..reloads)) == 0 {
                    self.reload(&mut life);
                }
                let host = &life.host;
                let id = new.id;
                // What fails is not accepted.
                if host.store(new.clone()).await.is_ok() {
                    accepted.push(new);
                }
                if self.draw(|rng| rng.u32(..10)) == 0
                    && let Ok(Canceled::Done) = host.delivery.cancel(id).await
                {
                    canceled.push(id);
                }
                if self.draw(|rng| rng.bool()) {
                    self.pause(400).await;
                }
            }
            self.life += 1;
            if self.life < lives {
                // At any moment.
                self.pause(5000).await;
                self.kill(life);
                self.pause(2000).await;
            } else {
                let patience = Duration::from_secs(LONGEST + 60);
                let over = tokio::time::timeout(patience, life.host.until_nothing_waits()).await;
                assert!(
                    over.is_ok(),
                    "seed {}: {} messages wait for ever",
                    self.seed,
                    self.store.unfinished()
                );
                // What its last submit came to is on disk; now it may stop.
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.check_providers(&life);
                while self.services.talking.load(Ordering::Relaxed) > 0
                    || !self.store.undecided().await.unwrap().is_empty()
                {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                self.kill(life);
            }
        }
        self.check_receipts(&accepted.iter().map(|new| new.id).collect::<Vec<_>>()).await;
        for new in accepted {
            let message = self.store.message(new.id).await.unwrap().unwrap();
            self.check(&message, new.due_at, canceled.contains(&new.id));
        }
    }

    /// Every receipt that was acknowledged is on its part, or is kept as one that belongs to no message.
    async fn check_receipts(&self, accepted: &[MessageId]) {
        let mut parts = HashSet::new();
        for id in accepted {
            let message = self.store.message(*id).await.unwrap().unwrap();
            for attempt in message.attempts {
                let ids = attempt.outcome.provider_ids.into_iter();
                parts.extend(ids.map(|id| (attempt.gateway.clone(), id)));
            }
        }
        let acknowledged = self.services.acknowledged.lock().unwrap().clone();
        let of_nobody = acknowledged.iter().filter(|(part, _)| !parts.contains(*part));
        let mut expected =
            of_nobody.map(|(part, words)| (part.clone(), words.clone())).collect::<HashMap<_, _>>();
        for unmatched in self.store.unmatched(None, None, usize::MAX).await.unwrap() {
            let receipt = unmatched.receipt;
            let part = self.services.part(receipt.gateway, &receipt.provider_id);
            let words = expected.get_mut(&part).unwrap_or_else(|| panic!("seed {}: {part:?}", self.seed));
            // What was not acknowledged because the host died may be there twice.
            words.retain(|word| *word != receipt.status);
        }
        assert!(expected.values().all(Vec::is_empty), "seed {}: {expected:?} are lost", self.seed);
    }

    /// The promises, for one message.
    fn check(&self, message: &Message, due_at: Timestamp, was_canceled: bool) {
        let journal = self.journal.lock().unwrap();
        let submitted = journal.get(&message.id).map(Vec::as_slice).unwrap_or_default();
        let context = format!("seed {}: {message:#?}\n{submitted:#?}", self.seed);
        assert!(message.state.is_finished(), "{context}");
        assert_eq!(message.state == State::Canceled, was_canceled, "{context}");
        assert_eq!(message.events.first().map(|event| event.state), Some(State::Queued), "{context}");
        assert_eq!(message.events.last().map(|event| event.state), Some(message.state), "{context}");
        assert!(message.events.windows(2).all(|pair| pair[0].state != pair[1].state), "{context}");
        let mut counted: HashMap<&str, u32> = HashMap::new();
        for (number, one) in submitted.iter().enumerate() {
            // Never before its time, never after it.
            assert!(one.at >= due_at && one.at < message.expires_at, "{context}");
            let earlier = &submitted[..number];
            // Never twice at once, but for what a kill cut off.
            for other in earlier.iter().filter(|other| other.life == one.life) {
                let limit = other.limits.submit_timeout.unwrap();
                let over = other.ended.map_or(other.at.plus(limit), |(at, _)| at);
                assert!(over <= one.at, "{context}");
            }
            // Nothing accepted or rejected is submitted again, but where a kill kept the outcome from the disk.
            let same_life = |other: &&Submitted| other.life == one.life;
            let taken = |other: &Submitted| matches!(other.ended, Some((_, OutcomeKind::Accepted)));
            assert!(!earlier.iter().filter(same_life).any(taken), "{context}");
            let refused = |other: &Submitted| {
                matches!(other.ended, Some((_, OutcomeKind::Rejected))) && other.gateway == one.gateway
            };
            assert!(!earlier.iter().filter(same_life).any(refused), "{context}");
            // Never twice where that is said: neither after a doubt nor after a kill.
            let doubtful = |other: &Submitted| {
                other.limits.on_uncertain == OnUncertain::Fail
                    && !matches!(
                        other.ended,
                        Some((
                            _,
                            OutcomeKind::Unavailable
                                | OutcomeKind::Throttled
                                | OutcomeKind::Rejected
                                | OutcomeKind::Misconfigured
                        ))
                    )
            };
            assert!(!earlier.iter().any(doubtful), "{context}");
        }
        for attempt in &message.attempts {
            if matches!(attempt.outcome.kind, OutcomeKind::Unavailable | OutcomeKind::Uncertain) {
                *counted.entry(&attempt.gateway).or_default() += 1;
            }
        }
        for (gateway, count) in counted {
            assert!(count <= self.attempts[gateway], "{context}");
        }
        match message.state {
            State::Sent | State::Delivered | State::Undelivered => {
                assert!(
                    submitted.iter().any(|one| matches!(one.ended, Some((_, OutcomeKind::Accepted)))),
                    "{context}"
                );
                // Where the words on its own parts take it, and nowhere else.
                let words = message.provider_ids.iter().map(|id| self.services.word(&message.gateway, id));
                assert_eq!(message.state, delivery_state(words).unwrap_or(State::Sent), "{context}");
                let states = message.events.iter().map(|event| event.state);
                let after = states.skip_while(|state| *state != State::Sent).collect::<Vec<_>>();
                let expected: &[State] =
                    if message.state == State::Sent { &[State::Sent] } else { &[State::Sent, message.state] };
                assert_eq!(after, expected, "{context}");
            }
            // On time, but for the outcome of a submission that was going on, and the store's own pace.
            State::Expired => {
                let late = message.updated_at.since(message.expires_at);
                let slack = Duration::from_secs(8 + 2);
                let was_up = message.updated_at.since(message.expires_at) <= slack || self.life > 1;
                assert!(
                    message.updated_at >= message.expires_at || message.attempts.is_empty() || late.is_zero(),
                    "{context}"
                );
                assert!(was_up, "{context}");
            }
            _ => {}
        }
    }
}

#[test]
fn promises_hold_whatever_happens() {
    let first = fastrand::u64(..u64::MAX / 2);
    scenarios::play(first..first + scenarios::count(SCENARIOS), |seed| Scenario::new(seed).play());
}

/// Within a gateway the more urgent goes first, and of equals what is due earlier: at every moment at which a submission begins, nothing
/// that was due and waiting there comes before it.
async fn order_holds(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let order: Arc<Mutex<Vec<(MessageId, Timestamp)>>> = Arc::default();
    let clock = Clock::starting_at(NOON);
    let (begun, latency) = (Arc::clone(&order), rng.u64(1..40));
    let provider = FakeProvider::new(move |submission| {
        begun.lock().unwrap().push((submission.id, clock.now()));
        async move {
            tokio::time::sleep(Duration::from_millis(latency)).await;
            Outcome::accepted(Vec::new(), 1)
        }
        .boxed()
    });
    let in_flight = rng.usize(1..4);
    let gateway = gateway_with("one", provider, |limits| limits.max_in_flight = in_flight);
    let host = Host::on(Arc::new(MemoryStore::default()), vec![gateway], clock);
    let mut accepted = HashMap::new();
    for _ in 0..600 {
        let priority = [Priority::High, Priority::Normal, Priority::Low][rng.usize(..3)];
        let mut draft = Draft::through(&["one"]).priority(priority);
        if rng.u32(..4) == 0 {
            draft = draft.later(rng.u64(1..5));
        }
        let new = host.admit(draft);
        let place = crate::store::Place { priority, due_at: new.due_at, id: new.id };
        let known_at = clock.now();
        host.store(new).await.unwrap();
        accepted.insert(place.id, (place, known_at));
        if rng.u32(..3) > 0 {
            tokio::time::sleep(Duration::from_millis(rng.u64(..20))).await;
        }
    }
    host.until_nothing_waits().await;
    let order = order.lock().unwrap().clone();
    assert_eq!(order.len(), accepted.len());
    for (number, (id, at)) in order.iter().enumerate() {
        let (place, _) = accepted[id];
        for (later, _) in &order[number + 1..] {
            let (other, known_at) = accepted[later];
            // A message that came or became due in this very millisecond may have come a moment too late.
            let waited = other.due_at.max(known_at).plus(Duration::from_millis(1)) < *at;
            assert!(!waited || place < other, "seed {seed}: {place:?} before {other:?} at {at}");
        }
    }
}

#[test]
fn order_holds_within_a_gateway_under_random_load() {
    scenarios::play(0..20, order_holds);
}

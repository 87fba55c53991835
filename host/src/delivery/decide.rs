//! What becomes of a message: the one place where routes, rounds, attempts and deadlines meet. It reads no clock and no store.

use crate::{
    config::{Limits, OnUncertain, Retry},
    message::{Attempt, Outcome, OutcomeKind, Progress, State, Timestamp},
    store::{Next, Ready, Step},
};
use std::time::Duration;

/// What has to be known of a gateway to decide.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) valid_for: Duration,
    pub(super) retry: Retry,
    /// Whether a message may be submitted through it now.
    pub(super) usable: bool,
}

/// What the world looks like at the moment of a decision.
pub(super) struct World<'a> {
    pub(super) now: Timestamp,
    /// `None`: there is no such gateway (any more).
    pub(super) gateway: &'a dyn Fn(&str) -> Option<View>,
    /// A random span from zero to the given one.
    pub(super) jitter: &'a dyn Fn(Duration) -> Duration,
}

/// What becomes of a message after a submission came to `outcome`. `limits` are those that it began under: a gateway may have another
/// definition by now, or none.
pub(super) fn after(ready: &Ready, outcome: &Outcome, limits: &Limits, world: &World<'_>) -> Next {
    let failed = |reason| Next::Finished { state: State::Failed, reason: Some(reason) };
    let never_twice = limits.on_uncertain == OnUncertain::Fail;
    let mut progress = ready.progress.clone();
    let tried = progress.gateways.entry(ready.gateway.clone()).or_default();
    tried.this_round = true;
    match outcome.kind {
        OutcomeKind::Accepted => return Next::Finished { state: State::Sent, reason: None },
        OutcomeKind::Uncertain if never_twice => return failed(OutcomeKind::Uncertain),
        // Parts of it went out: the next submission would send them again.
        kind if never_twice && !outcome.provider_ids.is_empty() => return failed(kind),
        OutcomeKind::Rejected => tried.out = true,
        OutcomeKind::Unavailable | OutcomeKind::Uncertain => {
            tried.counted += 1;
            tried.out = tried.counted >= limits.retry.attempts;
        }
        OutcomeKind::Throttled | OutcomeKind::Misconfigured => {}
    }
    onward(ready, progress, outcome, world)
}

/// The gateways that may still take the message: there, not out, and its time for them not passed; with their deadlines.
fn candidates<'r>(
    ready: &'r Ready,
    progress: &Progress,
    world: &World<'_>,
) -> Vec<(&'r str, View, Timestamp)> {
    let candidate = |name: &'r String| {
        let view = (world.gateway)(name).filter(|_| !progress.of(name).out)?;
        let deadline = ready.validity.deadline(view.valid_for).min(ready.expires_at);
        (deadline > world.now).then_some((name.as_str(), view, deadline))
    };
    names(ready).iter().filter_map(candidate).collect()
}

/// The next gateway of this round, or the next round, or a wait for one that is gone, or the end.
fn onward(ready: &Ready, mut progress: Progress, outcome: &Outcome, world: &World<'_>) -> Next {
    let candidates = candidates(ready, &progress, world);
    let untried = candidates.iter().find(|(name, view, _)| view.usable && !progress.of(name).this_round);
    if let Some((name, _, deadline)) = untried {
        return Next::Waits {
            gateway: (*name).to_owned(),
            state: State::Sending,
            due_at: world.now,
            deadline: *deadline,
            progress,
        };
    }
    let Some((name, view, deadline)) =
        candidates.iter().find(|(_, view, _)| view.usable).or_else(|| candidates.first())
    else {
        return match gone(ready, &progress, world) {
            Some((name, deadline)) => {
                progress.next_round();
                let gateway = name.to_owned();
                Next::Waits { gateway, state: State::Queued, due_at: world.now, deadline, progress }
            }
            None => end(ready, &progress, Some(outcome.kind), world),
        };
    };
    let after = outcome.after.filter(|_| *name == ready.gateway && outcome.kind == OutcomeKind::Unavailable);
    let pause = if counted_in_round(ready, outcome) {
        backoff(view.retry, progress.rounds, world)
    } else {
        Duration::ZERO
    };
    progress.next_round();
    Next::Waits {
        gateway: (*name).to_owned(),
        state: State::Queued,
        due_at: world.now.plus(pause.max(after.unwrap_or_default())),
        deadline: *deadline,
        progress,
    }
}

/// A gateway that is not in the configuration now and might take the message if it comes back; until when that is worth something.
fn gone<'r>(ready: &'r Ready, progress: &Progress, world: &World<'_>) -> Option<(&'r str, Timestamp)> {
    let is_gone = |name: &&String| (world.gateway)(name).is_none() && !progress.of(name).out;
    let name = names(ready).iter().find(is_gone)?;
    // What it will allow is not known.
    let deadline = if *name == ready.gateway { ready.deadline } else { ready.expires_at };
    (deadline > world.now).then_some((name, deadline))
}

/// The gateways that the message may go through.
fn names(ready: &Ready) -> &[String] {
    if ready.plan.is_empty() { std::slice::from_ref(&ready.gateway) } else { &ready.plan }
}

/// Whether anything in this round came to `unavailable` or `uncertain`: a gateway that is paused, or whose breaker is open, keeps
/// messages back by itself.
fn counted_in_round(ready: &Ready, outcome: &Outcome) -> bool {
    let earlier = ready.progress.gateways.values().any(|tried| tried.this_round && tried.counted > 0);
    earlier || matches!(outcome.kind, OutcomeKind::Unavailable | OutcomeKind::Uncertain)
}

/// Exponential with full jitter.
fn backoff(retry: Retry, rounds: u32, world: &World<'_>) -> Duration {
    let factor = 1_u32.checked_shl(rounds.min(31)).unwrap_or(u32::MAX);
    (world.jitter)(retry.first.saturating_mul(factor).min(retry.max))
}

fn end(ready: &Ready, progress: &Progress, reason: Option<OutcomeKind>, world: &World<'_>) -> Next {
    let all_out = names(ready).iter().all(|name| progress.of(name).out);
    if !all_out || world.now >= ready.expires_at {
        return Next::Finished { state: State::Expired, reason: None };
    }
    Next::Finished { state: State::Failed, reason }
}

/// Where a message goes that waits for a gateway which can't be used now: to another of its plan that can; `None`: it stays.
pub(super) fn elsewhere(ready: &Ready, world: &World<'_>) -> Option<Next> {
    let others = candidates(ready, &ready.progress, world);
    let others = others.into_iter().filter(|(name, view, _)| view.usable && *name != ready.gateway);
    let others = others.collect::<Vec<_>>();
    let untried = others.iter().find(|(name, ..)| !ready.progress.of(name).this_round);
    if let Some((name, _, deadline)) = untried {
        return Some(moved(ready, name, *deadline));
    }
    // All that can be used have had their turn in this round: the next one begins.
    let (name, view, deadline) = others.first()?;
    let mut progress = ready.progress.clone();
    let pause = backoff(view.retry, progress.rounds, world);
    progress.next_round();
    Some(Next::Waits {
        gateway: (*name).to_owned(),
        state: State::Queued,
        due_at: world.now.plus(pause).max(ready.place.due_at),
        deadline: *deadline,
        progress,
    })
}

/// What becomes of a message whose time for its gateway has passed: another gateway may allow it more.
pub(super) fn lapsed(ready: &Ready, world: &World<'_>) -> Next {
    let candidates = candidates(ready, &ready.progress, world);
    let found = candidates.iter().find(|(_, view, _)| view.usable).or_else(|| candidates.first());
    match found {
        Some((name, _, deadline)) => moved(ready, name, *deadline),
        None => Next::Finished { state: State::Expired, reason: None },
    }
}

fn moved(ready: &Ready, gateway: &str, deadline: Timestamp) -> Next {
    Next::Waits {
        gateway: gateway.to_owned(),
        state: ready.state,
        due_at: ready.place.due_at,
        deadline,
        progress: ready.progress.clone(),
    }
}

/// Where a message goes whose gateway is gone; `None`: nowhere, it waits for its gateway.
pub(super) fn away(ready: &Ready, world: &World<'_>) -> Option<Next> {
    let candidates = candidates(ready, &ready.progress, world);
    let found = candidates.iter().find(|(_, view, _)| view.usable).or_else(|| candidates.first());
    found.map(|(name, _, deadline)| moved(ready, name, *deadline))
}

/// The end of a message whose submission was going on when the host died, and that is never to be sent twice.
pub(super) fn interrupted(ready: &Ready, marked_at: Timestamp, now: Timestamp) -> Step {
    let outcome = Outcome::new(OutcomeKind::Uncertain, "the host ended while it was being submitted");
    let attempt = Attempt { gateway: ready.gateway.clone(), started_at: marked_at, ended_at: now, outcome };
    Step {
        id: ready.place.id,
        from: (ready.gateway.clone(), ready.place),
        attempt: Some(attempt),
        at: now,
        next: Next::Finished { state: State::Failed, reason: Some(OutcomeKind::Uncertain) },
        callback_url: ready.callback_url.clone(),
    }
}

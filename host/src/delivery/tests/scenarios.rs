//! Plays random scenarios, each on a thread and with a paused clock of its own; a seed decides on all that is drawn in one.
//!
//! One that breaks a promise, or does not end in time, fails with its seed. To play that one alone, and see what it says:
//!
//! ```sh
//! GATEPOST_SIMULATION_SEED=17 cargo test -p gatepost --lib promises_hold_whatever_happens -- --nocapture
//! ```
//!
//! with the name of the test that failed. Ids of messages, and which of two tasks that are both ready goes first, are not drawn by the
//! seed: where that matters, several tries may be needed.

use std::{
    env,
    future::Future,
    ops::Range,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// By the clock on the wall: a scenario takes less than a second, and a paused clock runs on for ever while one waits for what never comes.
const LIMIT: Duration = Duration::from_secs(120);

/// How many scenarios are played where `usual` are: `GATEPOST_SIMULATIONS` asks for more.
pub(in crate::delivery) fn count(usual: u64) -> u64 {
    number("GATEPOST_SIMULATIONS").unwrap_or(usual)
}

/// Plays the scenarios of these seeds, or the one of `GATEPOST_SIMULATION_SEED` alone.
pub(in crate::delivery) fn play<F: Future<Output = ()>>(
    seeds: Range<u64>,
    scenario: impl Fn(u64) -> F + Copy + Send + 'static,
) {
    let seeds = number("GATEPOST_SIMULATION_SEED").map_or(seeds, |seed| seed..seed + 1);
    println!("scenarios with the seeds {seeds:?}");
    for seed in seeds {
        watched(seed, LIMIT, scenario);
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is to be a number, not {value:?}")))
}

/// Plays one scenario. Panics where it fails, or has not ended after `limit`.
fn watched<F: Future<Output = ()>>(seed: u64, limit: Duration, scenario: impl Fn(u64) -> F + Send + 'static) {
    let (ended, wait) = channel();
    thread::spawn(move || {
        let paused = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = paused.unwrap();
        // Made within the runtime: what it notes of the time is that of the paused clock.
        runtime.block_on(async { scenario(seed).await });
        // What it has left behind ends here, in time as well.
        drop(runtime);
        ended.send(())
    });
    let why = match wait.recv_timeout(limit) {
        Ok(()) => return,
        Err(RecvTimeoutError::Disconnected) => "broke a promise, as said above".to_owned(),
        // Nothing ends its thread before the process does.
        Err(RecvTimeoutError::Timeout) => format!("has not ended within {limit:?}"),
    };
    panic!("a scenario {why}; GATEPOST_SIMULATION_SEED={seed} repeats it");
}

mod tests {
    use super::*;
    use std::{
        panic::catch_unwind,
        sync::atomic::{AtomicBool, Ordering},
    };

    const SHORT: Duration = Duration::from_millis(200);

    /// What was said of a scenario that failed.
    fn failure<F: Future<Output = ()>>(
        limit: Duration,
        scenario: impl Fn(u64) -> F + Copy + Send + std::panic::UnwindSafe + 'static,
    ) -> String {
        *catch_unwind(move || watched(17, limit, scenario)).unwrap_err().downcast::<String>().unwrap()
    }

    #[test]
    fn a_scenario_that_never_ends_fails_with_its_seed() {
        static OVER: AtomicBool = AtomicBool::new(false);
        let words = "a scenario has not ended within 200ms; GATEPOST_SIMULATION_SEED=17 repeats it";
        // Nothing is left that could wake it,
        assert_eq!(failure(SHORT, |_| std::future::pending()), words);
        // it waits again and again, for which a paused clock needs no time,
        let sleeps = |_| async {
            while !OVER.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        assert_eq!(failure(SHORT, sleeps), words);
        // or does not let go of its thread.
        let spins = |_| async {
            while !OVER.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        };
        assert_eq!(failure(SHORT, spins), words);
        // The threads end, so that other tests have the machine.
        OVER.store(true, Ordering::Relaxed);
    }

    #[test]
    fn what_a_scenario_leaves_behind_must_end_too() {
        struct Hangs;
        impl Drop for Hangs {
            fn drop(&mut self) {
                thread::park();
            }
        }
        let leaves = |_| async {
            tokio::spawn(async {
                let _hangs = Hangs;
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
        };
        assert!(failure(SHORT, leaves).contains("has not ended"));
    }

    #[test]
    fn a_scenario_that_breaks_a_promise_fails_with_its_seed() {
        let words = failure(LIMIT, |seed| async move { assert_ne!(seed, 17, "the promise") });
        assert_eq!(
            words,
            "a scenario broke a promise, as said above; GATEPOST_SIMULATION_SEED=17 repeats it"
        );
    }

    #[test]
    fn scenarios_that_keep_their_promises_are_played_one_after_the_other() {
        watched(17, LIMIT, |seed| async move {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            assert_eq!(seed, 17);
        });
    }
}

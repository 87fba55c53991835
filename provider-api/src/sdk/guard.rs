//! Panics of a provider's code end here: none may cross the boundary.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::Future,
    panic::{self, AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panicked {
    /// `src/lib.rs:12`, where it is known.
    pub(crate) place: String,
    /// What the panic said. May hold anything, a message's text too: for the host's log, which redacts it.
    pub(crate) says: String,
}

/// Replaces this library's panic hook, which would print what the panic says: perhaps a message's text. The host's hook is another
/// one, since this library has its own standard library.
pub(crate) fn install_hook(provider: &'static str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
            if GUARDED.get() > 0 {
                PANICKED_AT.with_borrow_mut(|last| *last = Some(place));
            } else {
                eprintln!("a thread of the provider {provider} panicked at {place}");
            }
        }));
    });
}

/// Calls `call`; a panic in it becomes an error.
pub(crate) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    GUARDED.set(GUARDED.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(GUARDED.get() - 1);
    result.map_err(caught)
}

/// Drops `value`; a panic in that is swallowed, for nothing is left that it could concern.
pub(crate) fn drop_guarded<T>(value: T) -> Option<Panicked> {
    guarded(|| drop(value)).err()
}

fn caught(payload: Box<dyn Any + Send>) -> Panicked {
    let says = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "(no text)".into(),
    };
    let place = PANICKED_AT.take().unwrap_or_else(|| "an unknown place".into());
    // The payload is a value of the provider's: dropping it may panic in its turn, and so may that panic's payload.
    let mut payload = payload;
    for _ in 0..8 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return Panicked { place, says },
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
    Panicked { place, says }
}

/// A future whose polls and whose drop are guarded. After a panic it is dropped at once and never polled again.
pub(crate) struct Guarded<F> {
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Guarded<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)) }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.future.as_mut() else {
            return Poll::Ready(Err(Panicked { place: String::new(), says: "polled after its end".into() }));
        };
        let result = match guarded(|| future.as_mut().poll(context)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panicked) => Err(panicked),
        };
        let dropped = drop_guarded(self.future.take());
        // An outcome that is known counts, whatever its leavings do.
        Poll::Ready(match (result, dropped) {
            (Ok(output), _) => Ok(output),
            (Err(panicked), _) => Err(panicked),
        })
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        drop_guarded(self.future.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic::panic_any(Bomb(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_payload_that_panics_when_it_is_dropped_is_survived() {
        let panicked = guarded(|| panic::panic_any(Bomb(3))).unwrap_err();
        assert_eq!(panicked.says, "(no text)");
        assert!(guarded(|| panic::panic_any(Bomb(100))).is_err());
    }

    #[tokio::test]
    async fn a_future_that_panics_is_an_error_and_so_is_its_drop() {
        let late = async {
            tokio::task::yield_now().await;
            panic!("late");
        };
        assert_eq!(Guarded::new(late).await.unwrap_err().says, "late");

        let cancelled = Guarded::new(async {
            let _bomb = Bomb(1);
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), cancelled).await.is_err());
    }
}

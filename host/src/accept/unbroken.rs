//! Work that comes to its end, whoever waits for it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::runtime::Handle;

/// Runs within whoever waits for it: a task for each request would be woken only to wake another. What is left when they go away goes on
/// as a task; without a tokio runtime around them it is left undone.
#[must_use]
pub(super) struct Unbroken<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Unbroken<F> {
    pub(super) fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Unbroken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out meanwhile: work that panics must not go on.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Unbroken<F> {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::{future::poll_fn, panic::AssertUnwindSafe};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_left_goes_on_when_nobody_waits() {
        let (begin, begun) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut work = Unbroken::new(async {
            begun.await.unwrap();
            done.send("done").unwrap();
        });
        assert!((&mut work).now_or_never().is_none());
        drop(work);
        begin.send(()).unwrap();
        assert_eq!(is_done.await, Ok("done"));
    }

    #[tokio::test]
    async fn what_nobody_ever_waited_for_is_done() {
        let (done, is_done) = oneshot::channel();
        drop(Unbroken::new(async { done.send("done") }));
        assert_eq!(is_done.await, Ok("done"));
    }

    #[tokio::test]
    async fn what_has_ended_is_gone() {
        let (done, is_done) = oneshot::channel();
        let answer = Unbroken::new(async {
            done.send("done").unwrap();
            "answer"
        });
        assert_eq!(answer.await, "answer");
        assert_eq!(is_done.await, Ok("done"));
    }

    #[tokio::test]
    async fn what_has_panicked_does_not_go_on() {
        let (done, is_done) = oneshot::channel::<()>();
        let mut done = Some(done);
        let mut polls = 0;
        let work = Unbroken::new(poll_fn(move |_| {
            polls += 1;
            if polls == 1 {
                panic!("as it may");
            }
            Poll::Ready(done.take().map(|done| done.send(())))
        }));
        assert!(AssertUnwindSafe(work).catch_unwind().await.is_err());
        assert!(is_done.await.is_err(), "it went on");
    }
}

//! Running scripts: input, output, time limit, and an end of everything that they started.

use crate::outcome;
use crate::request::Request;
use gatepost_provider_api::{
    Accepted, Context, SubmitError,
    tokio::{
        io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
        process::{Child, ChildStdin},
        sync::{Semaphore, oneshot},
        time::{sleep, timeout},
    },
    tracing,
};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

/// What is kept of stdout, from its beginning, and of stderr, from its end, beyond the length of the text: an echo of it can
/// be told only if it is there as a whole. The rest is read and dropped.
const KEPT: usize = 4 << 10;

/// How long output may still come after the script has ended: something that it started may hold the pipe open for ever.
const LEFTOVER: Duration = Duration::from_millis(200);

/// Scripts that run in the background at once.
const RUNNING: usize = 64;

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    TimedOut(Duration),
}

/// A script that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Runs a script to its end, at most for `limit`.
///
/// # Cancellation
/// Dropping the future kills the script and all that it started.
pub(crate) async fn run(request: &Request, limit: Duration) -> Result<Ended, SubmitError> {
    let mut child = request
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| outcome::not_started(&error))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let most = request.text.len() + KEPT;
    // All three at once: a script that waits for one of them must not stop the others.
    let pipes = async {
        gatepost_provider_api::tokio::join!(
            feed(stdin, &request.text),
            keep(stdout, &mut out, Keep::Beginning, most),
            keep(stderr, &mut err, Keep::End, most),
        );
    };
    let exit = Leader::new(child, Orphaned::Dies).attend(limit, pipes).await;
    let exit = exit.map_err(|error| outcome::lost(&error))?;
    Ok(Ended { exit, stdout: out, stderr: err })
}

/// What becomes of a script when nobody waits for it any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Orphaned {
    Dies,
    GoesOn,
}

/// A script, which leads a process group of its own.
struct Leader {
    child: Child,
    /// `None` once the leader was reaped, for its number may be somebody else's then. What it left running in its group is
    /// its own affair.
    group: Option<Pid>,
    orphaned: Orphaned,
}

impl Leader {
    fn new(child: Child, orphaned: Orphaned) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, group, orphaned }
    }

    /// Waits for its end while `pipes` move. They may outlast it by [`LEFTOVER`].
    async fn attend(mut self, limit: Duration, pipes: impl Future<Output = ()>) -> io::Result<Exit> {
        let (over, ended) = oneshot::channel::<()>();
        let exit = async move {
            let exit = self.end(limit).await;
            drop(over);
            exit
        };
        let pipes = async {
            gatepost_provider_api::tokio::select! {
                () = pipes => {}
                () = async { drop(ended.await); sleep(LEFTOVER).await } => {}
            }
        };
        gatepost_provider_api::tokio::join!(exit, pipes).0
    }

    async fn end(&mut self, limit: Duration) -> io::Result<Exit> {
        if let Ok(status) = timeout(limit, self.child.wait()).await {
            self.group = None;
            return status.map(exit_of);
        }
        self.kill();
        drop(self.child.wait().await);
        Ok(Exit::TimedOut(limit))
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // It may be gone already.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.orphaned == Orphaned::Dies {
            self.kill();
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// Writes the text and closes the pipe. A script that does not read it is no error.
async fn feed(stdin: Option<ChildStdin>, text: &str) {
    if let Some(mut stdin) = stdin {
        stdin.write_all(text.as_bytes()).await.unwrap_or_default();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Beginning,
    End,
}

async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, which: Keep, most: usize) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let bytes = buffer.get(..length).unwrap_or_default();
        match which {
            Keep::Beginning => {
                let room = most.saturating_sub(kept.len());
                kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
            Keep::End => {
                kept.extend_from_slice(bytes);
                // Twice the bound, so that bytes are moved seldom.
                if kept.len() > 2 * most {
                    kept.drain(..kept.len() - most);
                }
            }
        }
    }
}

/// The scripts that run in the background.
#[derive(Debug)]
pub(crate) struct Background {
    turns: Arc<Semaphore>,
}

impl Default for Background {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(RUNNING)) }
    }
}

impl Background {
    /// Starts a script; its end is seen to and logged.
    pub(crate) fn start(
        &self,
        request: Request,
        limit: Duration,
        context: &Context,
    ) -> Result<Accepted, SubmitError> {
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else {
            return Err(SubmitError::throttled(format!("{RUNNING} scripts run in the background already")));
        };
        let mut command = request.command();
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| outcome::not_started(&error))?;
        let stdin = child.stdin.take();
        let script = Leader::new(child, Orphaned::GoesOn);
        let supervision = async move {
            let _turn = turn;
            let ended = script.attend(limit, feed(stdin, &request.text)).await;
            log(request.message_id(), ended);
        };
        let stopped = context.clone();
        context.spawn(async move { hand_over(supervision, stopped.stopped()).await });
        Ok(Accepted::new())
    }
}

/// Does `work`, from `stopped` on in a task that outlives the provider: a script does so too, and keeps its time limit.
async fn hand_over(work: impl Future<Output = ()> + Send + 'static, stopped: impl Future<Output = ()>) {
    let mut work = Box::pin(work);
    gatepost_provider_api::tokio::select! {
        () = &mut work => {}
        () = stopped => drop(gatepost_provider_api::tokio::spawn(work)),
    }
}

fn log(message_id: &str, ended: io::Result<Exit>) {
    match ended {
        Ok(Exit::Code(0)) => tracing::debug!(message_id, "the script in the background ended well"),
        Ok(Exit::TimedOut(limit)) => tracing::warn!(
            message_id,
            seconds = limit.as_secs_f64(),
            "the script in the background took too long and was killed"
        ),
        Ok(exit) => tracing::warn!(message_id, ?exit, "the script in the background failed"),
        Err(error) => tracing::warn!(message_id, %error, "the script in the background got lost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::tokio;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn work_in_the_background_outlives_the_provider() {
        for stops in [false, true] {
            let (done, end) = oneshot::channel();
            let work = async move {
                tokio::task::yield_now().await;
                done.send(()).unwrap();
            };
            match stops {
                true => hand_over(work, ready(())).await,
                false => hand_over(work, pending()).await,
            }
            end.await.unwrap();
        }
    }
}

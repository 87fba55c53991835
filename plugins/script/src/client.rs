//! Running scripts: input, output, time limit, and an end of everything that they started.

use crate::outcome;
use crate::request::Request;
use gatepost_provider_api::{
    Accepted, Context, SubmitError,
    tokio::{
        io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
        process::{Child, ChildStdin},
        sync::Semaphore,
        time::timeout,
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

/// What is kept of stdout, from its beginning, and of stderr, from its end; the rest is read and dropped.
const KEPT: usize = 64 << 10;

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
pub(crate) async fn run(request: Request, limit: Duration) -> io::Result<Ended> {
    let mut child =
        request.command().stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let group = Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    // All three at once: a script that waits for one of them must not stop the others.
    let mut pipes = Box::pin(async {
        gatepost_provider_api::tokio::join!(
            feed(stdin, &request.text),
            keep(stdout, &mut out, Keep::Beginning),
            keep(stderr, &mut err, Keep::End),
        );
    });
    let mut piped = false;
    let exit = timeout(limit, async {
        loop {
            gatepost_provider_api::tokio::select! {
                status = child.wait() => return status,
                () = &mut pipes, if !piped => piped = true,
            }
        }
    })
    .await;
    let exit = match exit {
        Ok(status) => {
            // What it left running in its group is its own affair.
            group.release();
            exit_of(status?)
        }
        Err(_) => {
            drop(group);
            child.wait().await?;
            Exit::TimedOut(limit)
        }
    };
    if !piped {
        drop(timeout(LEFTOVER, &mut pipes).await);
    }
    drop(pipes);
    Ok(Ended { exit, stdout: out, stderr: err })
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// The process group of a script: killed when this is dropped, unless it was released.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        // The script leads its group, so their numbers are one.
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may be gone already.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
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

async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, which: Keep) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let bytes = buffer.get(..length).unwrap_or_default();
        match which {
            Keep::Beginning => {
                let room = KEPT.saturating_sub(kept.len());
                kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
            Keep::End => {
                kept.extend_from_slice(bytes);
                // Twice the bound, so that bytes are moved seldom.
                if kept.len() > 2 * KEPT {
                    kept.drain(..kept.len() - KEPT);
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
        context.spawn(async move {
            let _turn = turn;
            let group = Unkilled(Some(Group::of(&child)));
            let stdin = child.stdin.take();
            let ended = timeout(limit, async {
                let (status, ()) =
                    gatepost_provider_api::tokio::join!(child.wait(), feed(stdin, &request.text));
                status
            })
            .await;
            let message_id = request.message_id();
            match ended {
                Ok(Ok(status)) => match exit_of(status) {
                    Exit::Code(0) => tracing::debug!(message_id, "the script in the background ended well"),
                    exit => tracing::warn!(message_id, ?exit, "the script in the background failed"),
                },
                Ok(Err(error)) => tracing::warn!(message_id, %error, "the script in the background got lost"),
                Err(_) => {
                    tracing::warn!(
                        message_id,
                        seconds = limit.as_secs_f64(),
                        "the script in the background took too long and was killed"
                    );
                    group.kill();
                    drop(child.wait().await);
                }
            }
        });
        Ok(Accepted::new())
    }
}

/// A group that is killed on demand alone: what runs in the background outlives the host.
struct Unkilled(Option<Group>);

impl Unkilled {
    fn kill(mut self) {
        self.0.take();
    }
}

impl Drop for Unkilled {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            group.release();
        }
    }
}

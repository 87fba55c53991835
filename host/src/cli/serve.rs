//! `gatepost serve`

use super::{Ended, Serve, check, installation, report};
use crate::{
    app::{self, App, StartError, supervisor},
    telemetry,
};
use std::{io, sync::Arc};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

pub(super) fn run(arguments: &Serve) -> Ended {
    match start(arguments) {
        Ok(()) => Ended::Well,
        Err(ended) => ended,
    }
}

fn start(arguments: &Serve) -> Result<(), Ended> {
    arguments.log.init(telemetry::DEFAULT_LEVEL)?;
    let draft = installation::read(&arguments.config)?;
    if !draft.problems.is_empty() {
        return Err(check::explain(draft));
    }
    let config = draft.config;
    let failed = |error: io::Error| {
        report::error(format!("the host can't run: {error}; raise the limits of this process"));
        Ended::Failed
    };
    app::raise_limit();
    app::prefer_batches();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(telemetry::worker_parks)
        .build()
        .map_err(failed)?;
    let ended = runtime.block_on(async {
        // Before anything else: a signal during the start is one to stop as well.
        let (stop, reload) = (CancellationToken::new(), Arc::new(Notify::new()));
        listen_for_signals(&stop, &reload).map_err(failed)?;
        let app =
            App::start(config, installation::provider_dirs()).await.map_err(|error| start_error(&error))?;
        let supervised = tokio::spawn(supervisor::attend(app.pulse(), stop.clone()));
        app.run(stop, reload).await;
        supervised.abort();
        Ok(())
    });
    // A provider whose threads hang must not keep the process from ending.
    runtime.shutdown_background();
    telemetry::flush();
    ended
}

/// Prints why the host does not start.
pub(super) fn start_error(error: &StartError) -> Ended {
    if let StartError::Config(problems) = error {
        report::problems(problems);
        return Ended::Wrong;
    }
    report::error(error);
    Ended::Failed
}

fn listen_for_signals(stop: &CancellationToken, reload: &Arc<Notify>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (stop, reload) = (stop.clone(), Arc::clone(reload));
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => stop.cancel(),
                _ = interrupt.recv() => stop.cancel(),
                _ = hangup.recv() => reload.notify_one(),
            }
        }
    });
    Ok(())
}

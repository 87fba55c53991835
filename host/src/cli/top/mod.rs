//! `gatepost top`: the figures of the running host, as they change.
//!
//! `figures` reads what `/metrics` says, `window` makes rates and times out of the last of it, `frame` writes it down, and `screen` is
//! the terminal, which is left as it was found.

mod figures;
mod frame;
mod screen;
mod window;

use super::{
    Ended, failed,
    look::{Look, can_be_redrawn},
    report,
    server::{Server, ServerArguments},
};
use figures::Sample;
use screen::{Event, Screen};
use std::{io, time::Duration};
use tokio::time::{Instant, sleep};
use window::Window;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How often the host is asked.
const PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost top
  gatepost top --server https://sms.example --ca-file ca.pem
  gatepost top --once
  gatepost top --once --json

q or Ctrl-C leaves. Rates and times are those of the last 10 seconds; where no submit ended in them, times are those since the host's \
start. No API key is needed.")]
pub(super) struct Top {
    /// Print one frame, after a second in which rates are measured; so it is too where stdout is no terminal.
    #[arg(long)]
    once: bool,
    /// Print it as JSON.
    #[arg(long, requires = "once")]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn run(arguments: &Top) -> Ended {
    super::block_on(async {
        let server = arguments.server.reach(LIMIT)?;
        // What is wrong now is said while the terminal is still the user's.
        let mut window = Window::default();
        window.push(sample(&server).await.map_err(failed)?);
        if arguments.once || !can_be_redrawn(&io::stdout()) {
            once(&server, window, arguments.json).await
        } else {
            watch(&server, window).await
        }
    })
}

async fn once(server: &Server, mut window: Window, json: bool) -> Result<Ended, Ended> {
    sleep(PERIOD).await;
    window.push(sample(server).await.map_err(failed)?);
    let Some(view) = window.view() else { return Ok(Ended::Failed) };
    if json {
        return Ok(report::json(&view));
    }
    for line in frame::lines(&view, server.url().as_str(), Look::of_stdout()) {
        report::coloured(format!("{line}\n"));
    }
    Ok(Ended::Well)
}

async fn watch(server: &Server, mut window: Window) -> Result<Ended, Ended> {
    let unfit = |error: io::Error| failed(format!("the terminal can't be used: {error}; take --once"));
    let mut screen = Screen::enter().map_err(unfit)?;
    let asking = next(server);
    tokio::pin!(asking);
    let mut trouble: Option<String> = None;
    loop {
        let look = Look { width: Some(screen.columns()), ..Look::of_stdout() };
        let mut lines =
            window.view().map(|view| frame::lines(&view, server.url().as_str(), look)).unwrap_or_default();
        if let Some(trouble) = &trouble {
            lines.insert(0, frame::trouble(trouble, look));
        }
        if screen.draw(&lines).is_err() {
            // Nobody looks on any more.
            return Ok(Ended::Well);
        }
        tokio::select! {
            answered = &mut asking => {
                trouble = match answered {
                    Ok(sample) => { window.push(sample); None }
                    Err(why) => Some(why),
                };
                asking.set(next(server));
            }
            event = screen.event() => match event {
                Event::Leave => return Ok(Ended::Well),
                Event::Resized => {}
            }
        }
    }
}

async fn next(server: &Server) -> Result<Sample, String> {
    sleep(PERIOD).await;
    sample(server).await
}

async fn sample(server: &Server) -> Result<Sample, String> {
    let text = server.text(&["metrics"]).await?;
    Sample::read(&text, Instant::now())
        .ok_or_else(|| format!("{} does not look like Gatepost; look at --server", server.url()))
}

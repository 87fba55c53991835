//! What a provider counts and measures, checked before it is shown: it is foreign, and neither may it break `/metrics` nor flood whoever
//! reads it.

use super::redaction::{Cleaner, Redaction};
use crate::telemetry::series::Series;
use abi_stable::std_types::{ROk, RString};
use futures_util::FutureExt as _;
use gatepost_provider_api::{
    abi::FfiResult,
    figure::{Figure, Reading},
};
use serde::Deserialize as _;
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long a provider may take.
const LIMIT: Duration = Duration::from_secs(1);

/// The longest answer that is read, in bytes.
const LONGEST: usize = 2 << 20;

/// Different series of one gateway since it was built, labels of one figure and buckets of one histogram that are shown at the most.
const MOST_FIGURES: usize = 2_000;
const MOST_LABELS: usize = 8;
const MOST_BUCKETS: usize = 20;

/// Characters of a name, of a help and of a label's value.
const NAME: usize = 64;
const HELP: usize = 200;
const LABEL: usize = 100;

/// What the host says itself, and what the format keeps for itself.
const TAKEN_LABELS: [&str; 3] = ["gateway", "le", "quantile"];
const TAKEN_ENDINGS: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

/// The figures of one gateway's instance.
pub(super) struct Figures {
    provider: Arc<str>,
    gateway: Arc<str>,
    redaction: Arc<Redaction>,
    /// The series that were shown so far: who reads them keeps each, also one that does not come again.
    known: Mutex<HashSet<Key>>,
    complained: AtomicBool,
}

/// Name and labels of a series.
type Key = (String, Vec<(String, String)>);

impl Figures {
    pub(super) fn new(provider: Arc<str>, gateway: Arc<str>, redaction: Arc<Redaction>) -> Arc<Self> {
        let (known, complained) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { provider, gateway, redaction, known, complained })
    }

    /// Those that can be shown, of the answer that is asked for; none if it does not come in time.
    pub(super) async fn shown(
        self: Arc<Self>,
        answer: impl Future<Output = FfiResult<RString>>,
    ) -> Vec<Series> {
        let json = match tokio::time::timeout(LIMIT, AssertUnwindSafe(answer).catch_unwind()).await {
            // Of an older version of the API.
            Ok(Ok(ROk(json))) if json.is_empty() => return Vec::new(),
            Ok(Ok(ROk(json))) => json,
            Ok(_) => return self.complain("the provider failed"),
            Err(_) => return self.complain("the provider did not answer in time"),
        };
        // Not on a thread that serves others: there may be much of it.
        let read = tokio::task::spawn_blocking(move || match self.read(&json) {
            (series, None) => series,
            (series, Some(what)) => {
                self.complain(&what);
                series
            }
        });
        read.await.unwrap_or_default()
    }

    /// Once, since it is asked again and again.
    fn complain(&self, what: &str) -> Vec<Series> {
        if !self.complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                provider = &*self.provider,
                gateway = &*self.gateway,
                "not all figures of the provider can be shown: {what}"
            );
        }
        Vec::new()
    }

    /// Those that can be shown, and what is wrong with the first of the others.
    fn read(&self, json: &str) -> (Vec<Series>, Option<String>) {
        if json.len() > LONGEST {
            return (Vec::new(), Some(format!("they are longer than {LONGEST} bytes")));
        }
        let Ok(figures) = serde_json::from_str::<Vec<Value>>(json) else {
            return (Vec::new(), Some("they are no list".into()));
        };
        let many = || format!("there are more than {MOST_FIGURES}");
        let mut problem = (figures.len() > MOST_FIGURES).then(many);
        let mut words = Words { cleaner: self.redaction.cleaner(), known: HashMap::new() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = Vec::new();
        for figure in figures.into_iter().take(MOST_FIGURES) {
            let figure = Figure::deserialize(figure).map_err(|_| "one can't be read".to_owned());
            let series = figure.and_then(|figure| self.series(figure, &mut words)).and_then(|series| {
                let key = (series.name.clone(), series.labels.clone());
                let has_room = known.contains(&key) || (known.len() < MOST_FIGURES && known.insert(key));
                if has_room { Ok(series) } else { Err(many()) }
            });
            match series {
                Ok(series) => shown.push(series),
                Err(what) => drop(problem.get_or_insert(what)),
            }
        }
        (shown, problem)
    }

    /// A figure as it is shown.
    ///
    /// # Errors
    /// Why it is not.
    fn series(&self, figure: Figure, words: &mut Words<'_>) -> Result<Series, String> {
        let whole = figure.full_name(&self.provider);
        let Figure { name, help, unit, labels, reading, .. } = figure;
        for part in [Some(&name), Some(&unit).filter(|unit| !unit.is_empty())].into_iter().flatten() {
            let is_taken = TAKEN_ENDINGS.iter().any(|ending| format!("_{part}").ends_with(ending));
            if is_taken || !is_name(part) || !words.is_clean(part) {
                return Err("one has a name that can't be shown".into());
            }
        }
        let refused = |what: &str| Err(format!("{name}: {what}"));
        if labels.len() > MOST_LABELS {
            return refused("it has too many labels");
        }
        let mut shown = vec![("gateway".to_owned(), self.gateway.to_string())];
        for (label, value) in labels {
            let is_taken =
                TAKEN_LABELS.contains(&label.as_str()) || shown.iter().any(|(known, _)| *known == label);
            if is_taken || !is_name(&label) || !words.is_clean(&label) {
                return refused("it has a label that can't be shown");
            }
            shown.push((label, words.cut(&value, LABEL)));
        }
        if !is_sound(&reading) {
            return refused("it stands at what is no value");
        }
        Ok(Series { name: whole, help: words.cut(&help, HELP), labels: shown, reading })
    }
}

/// What a provider says, cleaned; each word once, since most stand in many figures.
struct Words<'r> {
    cleaner: Cleaner<'r>,
    known: HashMap<String, String>,
}

impl Words<'_> {
    fn clean(&mut self, says: &str) -> &str {
        if !self.known.contains_key(says) {
            // Whoever sends a message must not be able to change a label by its text, so that a word of the provider's own stays one.
            let is_word = !says.contains(char::is_whitespace) && !has_code(says);
            let cleaned = if is_word { self.cleaner.without_secrets(says) } else { self.cleaner.clean(says) };
            self.known.insert(says.to_owned(), cleaned);
        }
        self.known.get(says).map_or("", String::as_str)
    }

    fn is_clean(&mut self, says: &str) -> bool {
        self.clean(says) == says
    }

    /// Cleaned as a whole first: what is cut in two is not found any more.
    fn cut(&mut self, says: &str, most: usize) -> String {
        self.clean(says).chars().take(most).collect()
    }
}

/// Four digits in a row, as a one-time password has them.
fn has_code(says: &str) -> bool {
    says.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit))
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_sound(reading: &Reading) -> bool {
    match reading {
        Reading::Counter(value) => value.is_finite() && *value >= 0.0,
        Reading::Gauge(value) => value.is_finite(),
        Reading::Histogram(histogram) => {
            let buckets = &histogram.buckets;
            let rise = buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1);
            let finite = buckets.iter().all(|(bound, _)| bound.is_finite()) && histogram.sum.is_finite();
            let within = buckets.last().is_none_or(|(_, most)| *most <= histogram.count);
            buckets.len() <= MOST_BUCKETS && rise && finite && within
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;

//! Gateway definitions, changed while the host runs: each in a file of its own, which is read as all files of the configuration are.

mod change;
mod trial;

pub use change::{Change, Refusal, remove, replace};
pub use trial::{Finding, Trial, of_the_rest, trial};

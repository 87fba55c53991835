//! HTTP for providers (feature `http`): one exchange within a time limit, its answer bounded, and what each failure means.
//!
//! What a status means to one service alone stands in that service's provider; what it means to most is [`Answer::refusal`].

mod answer;
mod client;
mod echoes;
mod endpoint;
mod failure;
mod proxy;

pub use answer::Answer;
pub use client::{Client, basic};
pub use echoes::hide_echoes;
pub use endpoint::endpoint;
pub use failure::{Broken, chain};
pub use proxy::proxy;
pub use reqwest;

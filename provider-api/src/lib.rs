//! What a Gatepost provider plugin is written against.
//!
//! A provider is one shared library that the host loads at run time. This crate has two faces:
//!
//! - [`sdk`] (feature `sdk`, on by default) is what authors see: a struct, `impl Provider`, a
//!   [`Declaration`] of its parameters and one [`export_provider!`] line.
//! - [`abi`] is what crosses the boundary. Authors never touch it; the host uses it without `sdk`.
//!
//! Between them stand the words that both sides share: [`declaration`], [`definition`], [`figure`], [`problem`]
//! and [`verdict`]. Those cross the boundary as JSON or as open numbers, never as Rust types.

pub mod abi;
pub mod declaration;
pub mod definition;
pub mod figure;
pub mod problem;
#[cfg(feature = "sdk")]
pub mod sdk;
pub mod verdict;

pub use declaration::{Declaration, Kind, Parameter};
pub use definition::Definition;
pub use figure::{Figure, Histogram};
pub use problem::{Problem, Section};
pub use verdict::Verdict;

#[cfg(feature = "sdk")]
pub use sdk::*;

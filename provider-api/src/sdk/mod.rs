//! What authors of providers see: [`Provider`], [`Message`], [`Accepted`], [`SubmitError`], [`Context`],
//! [`export_provider!`](crate::export_provider), and the helpers that providers share.
//!
//! ```
//! use gatepost_provider_api::{Accepted, Context, Declaration, Definition, Message, Parameter, Problem, Provider, SubmitError};
//!
//! struct Shout {
//!     address: String,
//! }
//!
//! impl Provider for Shout {
//!     const NAME: &'static str = "shout";
//!
//!     fn declaration() -> Declaration {
//!         Declaration::new("Shouts each message at a TCP address.")
//!             .parameter(Parameter::text("ADDRESS").required().description("host:port"))
//!     }
//!
//!     fn create(definition: Definition, _: Context) -> Result<Self, Vec<Problem>> {
//!         Ok(Self { address: definition.text("ADDRESS").unwrap_or_default().into() })
//!     }
//!
//!     async fn submit(&self, message: Message) -> Result<Accepted, SubmitError> {
//!         use gatepost_provider_api::tokio::{io::AsyncWriteExt, net::TcpStream};
//!         let mut stream = TcpStream::connect(&self.address)
//!             .await
//!             .map_err(|error| SubmitError::unavailable(format!("cannot connect to {}: {error}", self.address)))?;
//!         stream
//!             .write_all(format!("{}: {}\n", message.to, message.text).as_bytes())
//!             .await
//!             .map_err(|error| SubmitError::uncertain(error.to_string()))?;
//!         Ok(Accepted::new())
//!     }
//! }
//!
//! gatepost_provider_api::export_provider!(Shout);
//! ```

mod adapter;
mod context;
#[doc(hidden)]
pub mod export;
mod guard;
#[cfg(feature = "http")]
pub mod http;
mod log;
mod message;
mod provider;
pub mod regexp;
mod runtime;
pub mod template;
#[cfg(feature = "tls")]
pub mod tls;
mod wire;

pub use context::{Context, DeliverError};
pub use message::{Accepted, Event, Inbound, Message, Receipt, ReceiptStatus, SubmitError};
pub use provider::{Provider, ReceiptRequest};
pub use {serde_json, tokio, tracing};

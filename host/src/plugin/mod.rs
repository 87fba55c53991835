//! Provider plugins: finding, verifying, loading, calling them, and what the host does for them.

mod handle;

pub use handle::{Handle, Submission};

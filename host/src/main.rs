//! The program: see [`gatepost::cli`].

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A message on its way allocates on one thread and frees on another, which is what the system's allocator is slow at. Provider libraries
/// have allocators of their own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    gatepost::cli::run()
}

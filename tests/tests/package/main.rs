//! The Debian package, as an administrator has it: in a Debian of its own, without systemd and with it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod chroot;
mod systemd;
mod unit;

const UNIT: &str = "/usr/lib/systemd/system/gatepost.service";
const TO: &str = "+491701234567";

/// What a path is: its owner, group and mode.
const SHOWN: &str = "stat --format '%U:%G %a'";

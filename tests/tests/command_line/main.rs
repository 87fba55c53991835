//! The command line, as people and programs see it: on a terminal, in a pipe, in a shell.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod documents;
mod progress;
mod refused;
mod shells;
mod tables;
mod top;

use gatepost_tests::{Ended, Site, command, peers::misbehaving::Misbehaving, tree};
use serde_json::Value;

const TO: &str = "+491701234567";

/// What nobody wants on a terminal: it clears it, colours it, and turns the rest of the line around.
const HOSTILE: &str = "gone\u{1b}[2J\u{1b}[31m\u{9b}2J\u{7f}\u{202e}\r\nnot sent: 0";

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut gatepost = command::clean(&tree::binary());
    command::run(gatepost.args(arguments).envs(environment.iter().copied()), "")
}

/// A site with the gateway `outbox` and one, of a long name, that takes nothing.
fn site() -> Site {
    let site = Site::new(
        "[gateways.a-gateway-whose-name-is-very-long-indeed-and-does-not-fit]\nprovider = \"script\"\n\
         parameters = { SCRIPT = \"strict\" }\n\
         [routes.default]\ngateways = [\"outbox\"]\n",
    );
    site.add_script("strict", "#!/bin/sh\necho 'the number is barred' >&2\nexit 3\n");
    site
}

const LONG: &str = "a-gateway-whose-name-is-very-long-indeed-and-does-not-fit";

/// One that takes every request for this answer: what a host would say to whom others can write.
fn answering(status: &'static str, body: &Value) -> Misbehaving {
    let body = body.to_string();
    Misbehaving::start(move |connection| {
        let head = "Content-Type: application/json\r\nConnection: close";
        connection
            .write(format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    })
}

//! A line about what takes longer than a second: on a terminal, not in a pipe, and gone afterwards.

use crate::{TO, run};
use gatepost_tests::{Host, Site, peers::misbehaving::Misbehaving, peers::terminal::Terminal};
use std::{fs, time::Instant};

/// A site whose gateway `slow` ends when the file `go` is there.
fn waiting() -> Site {
    let site = Site::new(
        "[gateways.slow]\nprovider = \"script\"\nparameters = { SCRIPT = \"slow\", TIMEOUT = 50 }\n",
    );
    let go = site.path().join("go");
    site.add_script("slow", &format!("#!/bin/sh\nuntil [ -e '{}' ]; do sleep 0.05; done\n", go.display()));
    site
}

#[test]
fn a_send_that_takes_long_says_that_it_waits() {
    for direct in [true, false] {
        let site = waiting();
        let host = Host::start(&site);
        let (config, url) = (site.config(), host.url(""));
        let how = if direct {
            ["--direct", "--config", config.to_str().unwrap()]
        } else {
            ["--wait", "50", "--server"]
        };
        let mut arguments = [&["send", "--to", TO, "--gateway", "slow"][..], &how].concat();
        if !direct {
            arguments.push(&url);
        }
        arguments.push("hello");
        let (mut terminal, began) = (Terminal::run(10, 80, &arguments, &[]), Instant::now());
        terminal.until("the line is there", |screen| screen.text().contains("waiting for the outcome, 1 s"));
        assert!(began.elapsed().as_millis() >= 1000);
        terminal.until("it goes on", |screen| screen.text().contains("waiting for the outcome, 2 s"));
        fs::write(site.path().join("go"), "").unwrap();
        let end = terminal.until_the_end();
        assert_eq!(end.code(), Some(0), "{end:?}");
        assert!(end.text().contains("sent") && !end.text().contains("waiting"), "{end:?}");

        // Now that it is quick, there is no line at all.
        let end = Terminal::run(10, 80, &arguments, &[]).until_the_end();
        assert!(end.text().contains("sent") && !end.raw().contains("waiting"), "{end:?}");
    }
}

#[test]
fn probes_that_take_long_are_counted() {
    let silent = Misbehaving::start(|connection| connection.hang());
    let site = Site::new(&format!(
        "[gateways.silent]\nprovider = \"http\"\nparameters = {{ URL = \"http://{}/\", TIMEOUT = 3 }}\n",
        silent.address
    ));
    let config = site.config();
    let check = ["check", "--probe", "--config", config.to_str().unwrap()];
    let mut terminal = Terminal::run(10, 80, &check, &[]);
    terminal.until("one is done", |screen| screen.text().contains("1 of 2 services contacted"));
    let end = terminal.until_the_end();
    assert_eq!(end.code(), Some(1), "{end:?}");
    assert!(end.text().contains("outbox: ok") && !end.text().contains("contacted"), "{end:?}");

    let piped = run(&check, &[]);
    assert_eq!(piped.code, Some(1), "{piped:?}");
    assert!(!piped.output().contains("contacted") && !piped.output().contains('\r'), "{piped:?}");
}

//! `gatepost top`, on a terminal that pyte emulates.

use crate::{LONG, TO, run, site};
use gatepost_tests::{Host, peers::terminal::Terminal};
use serde_json::Value;

fn top(host: &Host, rows: usize, columns: usize) -> Terminal {
    Terminal::run(rows, columns, &["top", "--server", &host.url("")], &[])
}

#[test]
fn it_shows_the_gateways_as_they_change() {
    let site = site();
    site.add_script("strict", "#!/bin/sh\nexit 75\n");
    let host = Host::start(&site);
    let mut top = top(&host, 24, 160);
    let screen = top.until("the gateways are there", |screen| screen.line_of("outbox").contains(&"up"));
    assert!(screen.is_taken(), "{screen:?}");
    assert!(screen.line_of("GATEWAY").contains(&"P95"), "{screen:?}");
    assert_eq!(screen.in_colour("green"), ["up", "up"]);

    for _ in 0..5 {
        assert_eq!(host.send_and_wait("outbox", TO, "hello").status, 200);
    }
    // GATEWAY STATE QUEUED OLDEST IN-FLIGHT SENT/S FAILED/S P50 P95
    let sent = top.until("the rate is there", |screen| {
        screen.line_of("outbox").get(5).is_some_and(|rate| !["-", "0.0"].contains(rate))
    });
    assert_ne!(sent.line_of("outbox")[7], "-", "{sent:?}");
    // Nothing takes it: it waits, and in the end the breaker opens.
    for _ in 0..5 {
        host.send_and_see(LONG, TO, "later");
    }
    let down = top.until("the gateway is down", |screen| screen.line_of(LONG).get(1) == Some(&"down"));
    assert_eq!(down.in_colour("red"), ["down"]);
    top.until("what waits is counted", |screen| screen.line_of(LONG).get(2) == Some(&"5"));

    top.press("q");
    let end = top.until_the_end();
    assert_eq!(end.code(), Some(0));
    assert!(end.is_given_back(), "{end:?}");
}

#[test]
fn it_fits_whatever_size_the_window_gets() {
    let site = site();
    let host = Host::start(&site);
    let mut top = top(&host, 24, 120);
    let whole = |screen: &gatepost_tests::peers::terminal::Screen| {
        screen.line_of("GATEWAY").contains(&"P95") && screen.line_of("outbox").contains(&"up")
    };
    top.until("all of it is there", whole);
    top.resize(8, 34);
    let narrow = top.until("it is narrow", |screen| {
        screen.text().contains("STATE")
            && !screen.text().contains("P95")
            && screen.line_of("outbox").contains(&"up")
    });
    let line = narrow.lines().into_iter().find(|line| line.starts_with("a-gateway")).unwrap().to_owned();
    assert!(line.contains('…') && line.contains("up"), "{narrow:?}");
    top.resize(5, 34);
    let low = top.until("it is low", |screen| screen.text().contains("more; make the window higher"));
    assert!(low.lines()[0].starts_with("gatepost"), "nothing has scrolled: {low:?}");
    top.resize(24, 120);
    top.until("all of it is there again", whole);
    top.press("\u{3}");
    let end = top.until_the_end();
    assert_eq!(end.code(), Some(0), "Ctrl-C");
    assert!(end.is_given_back(), "{end:?}");
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let site = site();
    let host = Host::start(&site);
    for signal in [15, 2, 1] {
        let mut top = top(&host, 24, 80);
        top.until("it has the terminal", |screen| screen.is_taken() && screen.text().contains("outbox"));
        top.signal(signal);
        let end = top.until_the_end();
        assert_eq!(end.code(), Some(0), "{signal}");
        assert!(end.is_given_back(), "{signal}: {end:?}");
    }
}

#[test]
fn what_would_stop_it_with_the_terminal_taken_is_a_key_as_others() {
    let site = site();
    let host = Host::start(&site);
    let mut top = top(&host, 24, 80);
    let first =
        top.until("it has the terminal", |screen| screen.is_taken() && screen.text().contains("outbox"));
    // Ctrl-Z, Ctrl-\.
    top.press("\u{1a}\u{1c}x");
    let later = top.until("it goes on", |screen| screen.lines()[0] != first.lines()[0]);
    assert!(later.is_taken(), "{later:?}");
    top.press("q");
    assert!(top.until_the_end().is_given_back());
}

#[test]
fn a_host_that_goes_is_waited_for() {
    let site = site();
    let host = Host::start(&site);
    let address = host.address.to_string();
    let mut top = top(&host, 24, 100);
    top.until("the host is there", |screen| screen.text().contains("outbox"));
    host.kill();
    // The last line too: a screen may be looked at while it is drawn.
    let gone = top.until("its absence is told, and what was last known stays", |screen| {
        screen.text().contains("can't be reached") && screen.line_of("outbox").contains(&"up")
    });
    assert!(gone.in_colour("red")[0].contains(&address), "{gone:?}");

    site.configure(&site.configuration().replace("127.0.0.1:0", &address));
    let _host = Host::start(&site);
    top.until("it is there again", |screen| !screen.text().contains("can't be reached"));
    top.press("q");
    assert_eq!(top.until_the_end().code(), Some(0));
}

#[test]
fn one_frame_is_plain_text() {
    let site = site();
    let host = Host::start(&site);
    assert_eq!(host.send_and_wait("outbox", TO, "hello").status, 200);
    let url = host.url("");
    for arguments in [&["top", "--server", &url][..], &["top", "--once", "--server", &url]] {
        let once = run(arguments, &[]);
        assert_eq!((once.code, once.stderr.as_str()), (Some(0), ""), "{once:?}");
        assert!(!once.stdout.contains(|one: char| one.is_control() && one != '\n'), "{once:?}");
        let line = once.stdout.lines().find(|line| line.starts_with("outbox")).unwrap();
        assert!(line.contains("up") && line.contains("0/64"), "{line}");
        assert!(once.stdout.contains(LONG), "{once:?}");
    }
    let narrow = Terminal::run(24, 80, &["top", "--once", "--server", &url], &[]).until_the_end();
    assert!(narrow.text().contains("webhooks waiting 0"), "the totals fit: {narrow:?}");
    let once = Terminal::run(24, 120, &["top", "--once", "--server", &url], &[]).until_the_end();
    assert!(once.is_given_back() && !once.raw().contains("\u{1b}[?"), "it was never taken: {once:?}");

    let json = run(&["top", "--once", "--json", "--server", &url], &[]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let outbox =
        json["gateways"].as_array().unwrap().iter().find(|gateway| gateway["name"] == "outbox").unwrap();
    assert_eq!(
        (&outbox["state"], &outbox["queue_depth"], &outbox["in_flight"]),
        (&"up".into(), &0.into(), &0.into())
    );
    assert!(outbox["submit_p50_seconds"].as_f64().unwrap() > 0.0, "{json}");
    assert_eq!(outbox["sent_per_second"], 0.0);
    assert!(json["up_seconds"].as_f64().unwrap() > 0.0, "{json}");
}

#[test]
fn without_a_host_the_terminal_is_left_alone() {
    let mut top = Terminal::run(24, 80, &["top", "--server", "http://127.0.0.1:9"], &[]);
    let end = top.until_the_end();
    assert_eq!(end.code(), Some(1), "{end:?}");
    assert!(end.text().contains("http://127.0.0.1:9/ can't be reached"), "{end:?}");
    assert!(!end.raw().contains('\u{1b}'), "{end:?}");
}

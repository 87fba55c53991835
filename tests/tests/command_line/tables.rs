//! Tables: as wide as the terminal, whole in a pipe, harmless everywhere.

use crate::{HOSTILE, LONG, TO, answering, run, site};
use gatepost_tests::{Host, peers::terminal::Terminal};
use serde_json::json;

#[test]
fn a_table_fits_the_terminal_and_is_whole_in_a_pipe() {
    let site = site();
    let host = Host::start(&site);
    host.send_and_see(LONG, "somebody-with-a-name-that-is-long-too", "hello");
    host.send_and_see("outbox", TO, "hello");
    let url = host.url("");

    for (command, width, title) in
        [("messages", 80, "ID"), ("messages", 60, "ID"), ("gateways", 40, "GATEWAY"), ("routes", 40, "ROUTE")]
    {
        let shown = Terminal::run(30, width, &[command, "--server", &url], &[]).until_the_end();
        assert_eq!(shown.code(), Some(0), "{shown:?}");
        let lines = shown.lines().into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>();
        let piped = run(&[command, "--server", &url], &[]);
        assert_eq!(lines.len(), piped.stdout.lines().count(), "no line is wrapped at {width}: {shown:?}");
        assert!(lines[0].starts_with(title), "{shown:?}");
        assert!(!piped.stdout.contains('…'), "{piped:?}");
        assert!(!piped.stdout.contains(|one: char| one.is_control() && one != '\n'), "{piped:?}");
    }
    let listed = run(&["gateways", "--server", &url], &[]);
    assert!(listed.stdout.contains(LONG), "{listed:?}");
    let listed = Terminal::run(30, 40, &["gateways", "--server", &url], &[]).until_the_end();
    assert!(listed.text().contains("a-gateway") && listed.text().contains('…'), "{listed:?}");
}

#[test]
fn states_have_colours_on_a_terminal_alone() {
    let site = site();
    let host = Host::start(&site);
    host.send_and_see(LONG, TO, "hello");
    let sent = host.send_and_see("outbox", TO, "hello")["id"].as_str().unwrap().to_owned();
    let url = host.url("");
    let list = ["messages", "--server", url.as_str()];

    let shown = Terminal::run(30, 200, &list, &[]).until_the_end();
    assert_eq!(
        (shown.in_colour("green"), shown.in_colour("red")),
        (vec!["sent"], vec!["failed"]),
        "{shown:?}"
    );
    let shown = Terminal::run(40, 200, &["messages", "show", &sent, "--server", &url], &[]).until_the_end();
    assert_eq!(shown.in_colour("green"), ["sent", "sent", "accepted"], "{shown:?}");
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = Terminal::run(30, 200, &list, &[plain]).until_the_end();
        assert!(shown.text().contains("failed") && !shown.raw().contains('\u{1b}'), "{plain:?}: {shown:?}");
    }
    assert!(!run(&list, &[]).stdout.contains('\u{1b}'));
    assert!(run(&list, &[("CLICOLOR_FORCE", "1")]).stdout.contains("\u{1b}[32msent\u{1b}[0m"));
}

#[test]
fn what_others_have_written_does_nothing_to_a_terminal() {
    let message = json!({
        "id": "1", "state": HOSTILE, "to": HOSTILE, "gateway": HOSTILE, "tag": HOSTILE,
        "created_at": HOSTILE, "attempts": [{ "gateway": HOSTILE, "outcome": HOSTILE, "detail": HOSTILE }],
        "events": [{ "at": HOSTILE, "state": HOSTILE }], "provider_ids": [HOSTILE],
        "receipts": [{ "at": HOSTILE, "status": HOSTILE, "detail": HOSTILE }],
    });
    let problem = json!({ "title": HOSTILE, "status": 422, "detail": HOSTILE, "errors": [
        { "pointer": HOSTILE, "detail": HOSTILE }, { "pointer": HOSTILE, "detail": HOSTILE },
    ] });
    let gateway =
        json!({ "name": HOSTILE, "state": "down", "why": HOSTILE, "parameters": { HOSTILE: HOSTILE } });
    let checked = json!({
        "problems": [{ "pointer": HOSTILE, "detail": HOSTILE, "location": HOSTILE }],
        "warnings": [], "probe": { "outcome": HOSTILE, "detail": HOSTILE },
    });
    let route = json!({ "routes": [{ "name": HOSTILE, "strategy": HOSTILE, "gateways": [HOSTILE] }] });
    let explained =
        json!({ "route": HOSTILE, "gateways": [{ "name": HOSTILE, "usable": true, "why": HOSTILE }] });
    let reloaded = json!({ "warnings": [HOSTILE], "gateways": { "added": [HOSTILE], "kept": 1 } });
    let send: &[&str] = &["send", "--to", TO, "hello"];
    let cases: [(&str, &serde_json::Value, &[&str]); 11] = [
        ("200 OK", &json!({ "messages": [message] }), &["messages"]),
        ("200 OK", &message, &["messages", "show", "1"]),
        ("422 Unprocessable", &problem, &["messages"]),
        ("422 Unprocessable", &problem, send),
        ("502 Bad Gateway", &json!({ "message": message }), send),
        ("200 OK", &json!({ "gateways": [gateway] }), &["gateways"]),
        ("200 OK", &gateway, &["gateways", "show", "a"]),
        ("200 OK", &checked, &["gateways", "check", "a", "--probe"]),
        ("200 OK", &route, &["routes"]),
        ("200 OK", &explained, &["routes", "explain", "--to", TO]),
        ("200 OK", &reloaded, &["reload"]),
    ];
    for (status, answer, command) in cases {
        let host = answering(status, answer);
        let url = format!("http://{}", host.address);
        let forms = [command.to_vec(), [command, &["--json"]].concat()];
        for arguments in forms {
            let arguments = [&arguments[..], &["--server", &url]].concat();
            let ended = run(&arguments, &[]);
            assert!(ended.output().contains("gone"), "it is shown: {arguments:?} {ended:?}");
            let moves = |one: char| (one.is_control() && one != '\n') || one == '\u{202e}';
            assert!(!ended.output().contains(moves), "{arguments:?} {ended:?}");
            let forged = |line: &str| line.starts_with("not sent: 0");
            assert!(ended.stderr.lines().chain(ended.stdout.lines()).all(|line| !forged(line)), "{ended:?}");
        }
        let shown = Terminal::run(40, 80, &[command, &["--server", &url]].concat(), &[]).until_the_end();
        assert!(
            !shown.raw().contains("\u{1b}[2J") && !shown.raw().contains("\u{9b}"),
            "{command:?} {shown:?}"
        );
        assert!(shown.text().contains("gone"), "{command:?} {shown:?}");
    }
}

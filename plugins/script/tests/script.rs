//! The provider through its Rust interface, with real scripts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_api::{
    Accepted, Context, Definition, Message, Problem, Provider, SubmitError, Verdict, serde_json::json, tokio,
};
use gatepost_provider_script::Script;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// By another process: written by this one, the file would be open in whatever this one has just forked for another test, and nobody can
/// run a file that somebody writes.
fn write(path: &Path, text: &str) {
    let mut tee = Command::new("tee").arg(path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    tee.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(tee.wait().unwrap().success());
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(place.scripts()).unwrap();
        mode(&place.scripts(), 0o755);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn scripts(&self) -> PathBuf {
        self.path("scripts")
    }

    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.scripts().join(name);
        write(&path, &format!("#!/bin/sh\n{body}\n"));
        mode(&path, 0o755);
        path
    }

    fn create(&self, parameters: &[(&str, &str)]) -> Result<Script, Vec<Problem>> {
        let mut definition = Definition { gateway: "gw".into(), ..Definition::default() };
        definition.settings.insert("directory".into(), self.scripts().to_str().unwrap().into());
        for (name, value) in parameters {
            definition.parameters.insert((*name).into(), json!(value));
        }
        let definition = Script::declaration().check(&definition)?;
        Script::create(definition, Context::for_tests("gw").unwrap())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn submit(script: &Script, to: &str, text: &str) -> Result<Accepted, SubmitError> {
    script.submit(Message::new("id-1", to, text)).await
}

/// Asks until the answer is yes.
async fn eventually(what: &str, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !ask() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Submits until there is a place in the background.
async fn room(script: &Script) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = submit(script, "1", "hello").await {
        assert_eq!(error.verdict, Verdict::Throttled, "{error}");
        assert!(Instant::now() < deadline, "there is no room again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn runs(pid: &str) -> bool {
    // A process that has ended and was not waited for yet is a zombie: gone, for what it could do.
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !matches!(state.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()), None | Some("Z"))
}

#[tokio::test]
async fn number_and_text_arrive_in_a_clean_environment() {
    let place = Place::new();
    place.script("send", "printf '%s|%s|' \"$#\" \"$1\" > ../got; cat >> ../got; pwd > ../cwd; env | sort > ../env; echo ' id-42 '; echo more");
    let script = place.create(&[("SCRIPT", "send"), ("REGEXP", r"/^\+/00/")]).unwrap();
    let accepted = submit(&script, "+49 170", "zwei\nZeilen: äöü 🎉 $(id) `id` \"'").await.unwrap();
    assert_eq!(accepted.ids, ["id-42"]);
    assert_eq!(place.read("got"), "1|0049 170|zwei\nZeilen: äöü 🎉 $(id) `id` \"'");
    assert_eq!(place.read("cwd").trim(), place.scripts().canonicalize().unwrap().to_str().unwrap());
    let names =
        place.read("env").lines().map(|line| line.split('=').next().unwrap().to_owned()).collect::<Vec<_>>();
    // `PWD` and `_` are the shell's own.
    let names = names
        .iter()
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str()))
        .collect::<Vec<_>>();
    assert_eq!(names, ["GATEPOST_GATEWAY", "GATEPOST_MESSAGE_ID", "LANG", "PATH"]);
    assert!(place.read("env").contains("GATEPOST_MESSAGE_ID=id-1\n"));
}

#[tokio::test]
async fn each_exit_has_its_outcome() {
    let place = Place::new();
    for (name, body, verdict, code, detail) in [
        ("later", "echo busy >&2; exit 75", Verdict::Unavailable, "75", "busy"),
        (
            "barred",
            "echo first >&2; echo 'barred: hello there' >&2; exit 3",
            Verdict::Rejected,
            "3",
            "first\nbarred: ***",
        ),
        ("silent", "exit 1", Verdict::Rejected, "1", "the script ended with exit code 1"),
        ("killed", "kill -9 $$", Verdict::Uncertain, "signal 9", "killed by signal 9"),
        ("interpreter", "", Verdict::Misconfigured, "2", "can't be started"),
    ] {
        let path = place.script(name, body);
        if name == "interpreter" {
            write(&path, "#!/no/such/interpreter\n");
        }
        let script = place.create(&[("script", name)]).unwrap();
        let error = submit(&script, "1", "hello there").await.unwrap_err();
        assert_eq!((error.verdict, error.code.as_deref()), (verdict, Some(code)), "{name}: {error}");
        assert!(error.detail.contains(detail), "{name}: {error}");
    }
}

#[tokio::test]
async fn only_the_end_of_what_it_complains_of_is_shown() {
    let place = Place::new();
    place.script(
        "loud",
        "i=0; while [ $i -lt 20000 ]; do echo \"line $i of many\" >&2; i=$((i+1)); done; exit 1",
    );
    let error = submit(&place.create(&[("SCRIPT", "loud")]).unwrap(), "1", "hello").await.unwrap_err();
    assert!(error.detail.ends_with("line 19999 of many"), "{error}");
    assert!(error.detail.chars().count() <= 300);
}

#[tokio::test]
async fn a_text_that_it_complains_of_is_not_shown_however_long() {
    let place = Place::new();
    place.script(
        "loud",
        "text=$(cat); i=0; while [ $i -lt 20 ]; do echo \"$text\" >&2; i=$((i+1)); done; exit 1",
    );
    let script = place.create(&[("SCRIPT", "loud")]).unwrap();
    let text = (1000..4000).map(|number| format!("Wort{number}")).collect::<Vec<_>>().join(" ");
    let error = submit(&script, "1", &text).await.unwrap_err();
    assert!(error.detail.ends_with("***\n***"), "{error}");
    assert!(error.detail.lines().all(|line| line == "***"), "{error}");
}

#[tokio::test]
async fn an_echo_of_the_text_is_no_id() {
    let place = Place::new();
    place.script("send", "cat");
    place.script("prefixed", "printf 'sent: '; cat");
    place.script("on-one-line", "echo ok $(cat)");
    place.script("shorter", "head -c 10");
    place.script("honest", "echo id-12345");
    let long = "Ihr Code lautet 837465 ".repeat(10_000);
    for (name, text, ids) in [
        ("send", "Ihr Code lautet 837465", [].as_slice()),
        ("send", long.as_str(), &[]),
        ("send", "Hallo,\nIhr Code lautet 837465", &[]),
        ("prefixed", "Ihr Code lautet 837465", &[]),
        ("prefixed", "Ihr Code lautet\n837465", &[]),
        ("on-one-line", "Tag,\n837465", &[]),
        ("shorter", "Ihr Code lautet 837465", &[]),
        ("honest", "Ihr Code lautet 837465", &["id-12345"]),
        ("honest", "id", &["id-12345"]),
        ("honest", "1\n2\n3", &["id-12345"]),
    ] {
        let accepted = submit(&place.create(&[("SCRIPT", name)]).unwrap(), "1", text).await.unwrap();
        assert_eq!(accepted.ids, ids, "{name}");
    }
}

#[tokio::test]
async fn a_script_whose_end_gets_lost_may_have_sent() {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    let place = Place::new();
    place.script("send", "echo $$ > ../child; exec sleep 1000");
    let script = place.create(&[("SCRIPT", "send")]).unwrap();
    let task = tokio::spawn(async move { submit(&script, "1", "hello").await });
    eventually("it runs", || !place.read("child").is_empty()).await;
    let pid = Pid::from_raw(place.read("child").trim().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    // On the runtime's only thread: nobody else learns of its end.
    waitpid(Some(pid), WaitOptions::empty()).unwrap();
    assert_eq!(task.await.unwrap().unwrap_err().verdict, Verdict::Uncertain);
}

#[tokio::test]
async fn a_script_that_ignores_its_input_is_no_error() {
    let place = Place::new();
    place.script("deaf", "exec <&-; exit 0");
    let script = place.create(&[("SCRIPT", "deaf")]).unwrap();
    submit(&script, "1", &"x".repeat(1 << 20)).await.unwrap();
}

#[tokio::test]
async fn output_that_something_else_holds_open_does_not_hold_up_the_message() {
    let place = Place::new();
    place.script("daemon", "echo id-7; sleep 1000 & echo $! > ../pid");
    let started = Instant::now();
    let accepted = submit(&place.create(&[("SCRIPT", "daemon")]).unwrap(), "1", "hello").await.unwrap();
    assert_eq!(accepted.ids, ["id-7"]);
    assert!(started.elapsed() < Duration::from_secs(20));
    // What a script leaves running on purpose goes on.
    let pid = place.read("pid");
    assert!(runs(&pid));
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
}

#[tokio::test]
async fn after_its_time_all_that_it_started_is_killed() {
    let place = Place::new();
    place.script("slow", "sleep 1000 & echo $! > ../grandchild; echo $$ > ../child; wait");
    let script = place.create(&[("SCRIPT", "slow"), ("TIMEOUT", "0.5")]).unwrap();
    let error = submit(&script, "1", "hello").await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_deref()), (Verdict::Uncertain, Some("timeout")));
    for name in ["child", "grandchild"] {
        let pid = place.read(name);
        assert!(!pid.is_empty());
        eventually(name, || !runs(&pid)).await;
    }
    assert_eq!(script.total_timeout(), Some(Duration::from_millis(500)));
}

#[tokio::test]
async fn a_cancelled_submit_kills_all_that_it_started() {
    let place = Place::new();
    place.script("slow", "sleep 1000 & echo $! > ../grandchild; echo $$ > ../child; wait");
    let script = std::sync::Arc::new(place.create(&[("SCRIPT", "slow")]).unwrap());
    let task = tokio::spawn({
        let script = script.clone();
        async move { submit(&script, "1", "hello").await }
    });
    eventually("it runs", || !place.read("child").is_empty()).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    for name in ["child", "grandchild"] {
        let pid = place.read(name);
        eventually(name, || !runs(&pid)).await;
    }
}

#[tokio::test]
async fn numbers_that_a_script_would_misread_are_rejected() {
    let place = Place::new();
    place.script("send", "touch ../ran");
    let script = place.create(&[("SCRIPT", "send"), ("REGEXP", "/^0*//")]).unwrap();
    for number in ["-n", "0-rf", "", "000", "1\u{0}2"] {
        let error = submit(&script, number, "hello").await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Rejected, "{number:?}");
    }
    assert!(!place.path("ran").exists());
}

#[tokio::test]
async fn in_the_background_it_is_accepted_once_it_runs_and_no_more_than_64_run() {
    let place = Place::new();
    assert!(std::process::Command::new("mkfifo").arg(place.path("gate")).status().unwrap().success());
    place.script("slow", "cat > /dev/null; echo x >> ../started; read -r _ < ../gate; echo x >> ../ended");
    let script = place.create(&[("SCRIPT", "slow"), ("BACKGROUND", "background")]).unwrap();
    for _ in 0..64 {
        submit(&script, "1", "hello").await.unwrap();
    }
    let error = submit(&script, "1", "hello").await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Throttled, "{error}");
    eventually("all run", || place.read("started").lines().count() == 64).await;
    assert_eq!(place.read("ended"), "");
    // The gate stays open for all of them.
    let gate = fs::OpenOptions::new().read(true).write(true).open(place.path("gate")).unwrap();
    let lines = "\n".repeat(64);
    std::io::Write::write_all(&mut &gate, lines.as_bytes()).unwrap();
    eventually("all end", || place.read("ended").lines().count() == 64).await;
    room(&script).await;
}

#[tokio::test]
async fn in_the_background_what_it_left_running_holds_no_place_and_gets_no_more_input() {
    let place = Place::new();
    assert!(std::process::Command::new("mkfifo").arg(place.path("gate")).status().unwrap().success());
    place.script("daemon", "exec 3<&0; (read -r _ < ../gate; wc -c <&3 >> ../got) &");
    let script = place.create(&[("SCRIPT", "daemon"), ("BACKGROUND", "background")]).unwrap();
    for _ in 0..64 {
        submit(&script, "1", &"x".repeat(1 << 20)).await.unwrap();
    }
    room(&script).await;
    let gate = fs::OpenOptions::new().read(true).write(true).open(place.path("gate")).unwrap();
    std::io::Write::write_all(&mut &gate, "\n".repeat(65).as_bytes()).unwrap();
    // The end of their input has come, long before that of the text.
    eventually("all end", || place.read("got").lines().count() == 65).await;
    assert!(place.read("got").lines().all(|length| length.trim().parse::<usize>().unwrap() < 1 << 20));
}

#[tokio::test]
async fn in_the_background_it_is_killed_after_its_time() {
    let place = Place::new();
    place.script("slow", "echo $$ > ../child; sleep 1000");
    let script =
        place.create(&[("SCRIPT", "slow"), ("BACKGROUND", "background"), ("TIMEOUT", "0.3")]).unwrap();
    submit(&script, "1", "hello").await.unwrap();
    eventually("it runs", || !place.read("child").is_empty()).await;
    let pid = place.read("child");
    eventually("it is gone", || !runs(&pid)).await;
}

#[tokio::test]
async fn scripts_that_could_be_anybodys_are_refused_with_what_mends_it() {
    let place = Place::new();
    place.script("good", "");
    mode(&place.script("group", ""), 0o775);
    mode(&place.script("plain", ""), 0o644);
    fs::create_dir(place.scripts().join("folder")).unwrap();
    fs::write(place.path("outside"), "#!/bin/sh\n").unwrap();
    mode(&place.path("outside"), 0o755);
    symlink(place.path("outside"), place.scripts().join("out")).unwrap();
    symlink("good", place.scripts().join("inside")).unwrap();
    for (name, what, mend) in [
        ("", "is no file name", "without `/`"),
        ("..", "is no file name", "without `/`"),
        ("../outside", "is no file name", "without `/`"),
        ("./good", "is no file name", "without `/`"),
        ("good/", "is no file name", "without `/`"),
        ("missing", "is missing", "put it there"),
        ("group", "is writable by group or others", "`chmod go-w "),
        ("plain", "is not executable", "`chmod +x "),
        ("folder", "is not a regular file", "put a script there"),
        ("out", "is a link out of the script directory", "put the script itself there"),
    ] {
        let problems = place.create(&[("SCRIPT", name)]).unwrap_err();
        assert_eq!((problems.len(), problems[0].key.as_str()), (1, "SCRIPT"), "{name}: {problems:?}");
        assert!(
            problems[0].what.contains(what) && problems[0].mend.contains(mend),
            "{name}: {}",
            problems[0]
        );
    }
    place.create(&[("SCRIPT", "inside")]).unwrap();
    let problems = place.create(&[("SCRIPT", "good"), ("REGEXP", "/+/00/"), ("TIMEOUT", "0")]).unwrap_err();
    assert_eq!(problems[0].key, "TIMEOUT");
    let problems = place.create(&[("SCRIPT", "good"), ("REGEXP", "/+/00/")]).unwrap_err();
    assert_eq!(problems[0].key, "REGEXP");
    fs::remove_dir_all(place.scripts()).unwrap();
    let problems = place.create(&[("SCRIPT", "good")]).unwrap_err();
    assert_eq!(problems[0].key, "directory");
}

#[tokio::test]
async fn a_script_that_changed_since_is_not_run() {
    let place = Place::new();
    let path = place.script("send", "touch ../ran");
    let script = place.create(&[("SCRIPT", "send")]).unwrap();
    script.probe().await.unwrap();
    mode(&path, 0o777);
    assert_eq!(submit(&script, "1", "hello").await.unwrap_err().verdict, Verdict::Misconfigured);
    assert_eq!(script.probe().await.unwrap_err().verdict, Verdict::Misconfigured);
    fs::remove_file(path).unwrap();
    assert_eq!(submit(&script, "1", "hello").await.unwrap_err().verdict, Verdict::Misconfigured);
    assert!(!place.path("ran").exists());
}

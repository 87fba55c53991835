//! Completions, man pages and help: in shells and in `man` themselves.

use crate::run;
use gatepost_tests::{Ended, command, tree};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

fn staged(path: &str) -> String {
    tree::tree().join("share").join(path).to_str().unwrap().to_owned()
}

fn outside(program: &str, arguments: &[&str]) -> Ended {
    command::run(Command::new(program).args(arguments).env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8"), "")
}

/// The commands that `--help` lists, each with those below it: `messages`, `messages list`.
fn commands() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(above) = found.get(next).cloned() {
        let help = run(&above.iter().map(String::as_str).chain(["--help"]).collect::<Vec<_>>(), &[]);
        assert_eq!(help.code, Some(0), "{help:?}");
        let listed = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = listed.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
        found.extend(names.map(|name| above.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>()));
        next += 1;
    }
    found
}

#[test]
fn every_command_has_help_with_examples_and_a_man_page() {
    let all = commands();
    let names = all.iter().map(|command| command.join(" ")).collect::<BTreeSet<_>>();
    for expected in
        ["serve", "messages cancel", "gateways check", "routes explain", "top", "reload", "api-key new"]
    {
        assert!(names.contains(expected), "{expected} in {names:?}");
    }
    let manual = staged("man/man1");
    for command in &all {
        let help = run(&command.iter().map(String::as_str).chain(["--help"]).collect::<Vec<_>>(), &[]);
        assert!(help.stdout.contains("Examples:"), "{command:?}: {}", help.stdout);
        assert!(help.stdout.contains("gatepost"), "{command:?}");
        let name = std::iter::once("gatepost").chain(command.iter().map(String::as_str)).collect::<Vec<_>>();
        let page = Path::new(&manual).join(format!("{}.1", name.join("-")));
        let shown = outside("man", &["--warnings", "--local-file", page.to_str().unwrap()]);
        assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{page:?}");
        assert!(
            shown.stdout.contains("SYNOPSIS") && shown.stdout.contains("EXAMPLES"),
            "{page:?}: {}",
            shown.stdout
        );
        let example = help.stdout.lines().skip_while(|line| *line != "Examples:").nth(1).unwrap();
        assert!(shown.stdout.contains(example), "the line is kept: {example} in {}", shown.stdout);
    }
    assert_eq!(fs::read_dir(&manual).unwrap().count(), all.len(), "no page is of a command that is hidden");
}

#[test]
fn shells_accept_their_completions() {
    for (shell, file) in [
        ("bash", "bash-completion/completions/gatepost"),
        ("zsh", "zsh/site-functions/_gatepost"),
        ("fish", "fish/vendor_completions.d/gatepost.fish"),
    ] {
        let read = outside(shell, &["-n", &staged(file)]);
        assert_eq!((read.code, read.output().as_str()), (Some(0), ""), "{shell}");
    }
}

#[test]
fn bash_and_fish_offer_every_command() {
    let all = commands();
    for above in all
        .iter()
        .filter(|above| all.iter().any(|one| one.len() == above.len() + 1 && one.starts_with(above)))
    {
        let below = all.iter().filter(|one| one.len() == above.len() + 1 && one.starts_with(above));
        let below = below.map(|one| one.last().unwrap().as_str()).collect::<BTreeSet<_>>();
        let words = above.iter().map(|word| format!(" {word}")).collect::<String>();

        let file = staged("bash-completion/completions/gatepost");
        let script = format!(
            "source '{file}'; COMP_WORDS=(gatepost{words} ''); COMP_CWORD={}; _gatepost gatepost '' '{}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            above.len() + 1,
            above.last().map_or("gatepost", String::as_str)
        );
        let offered = outside("bash", &["-c", &script]);
        let offered = offered
            .stdout
            .lines()
            .filter(|word| !word.starts_with('-') && *word != "help")
            .map(str::to_owned);
        let offered = offered.collect::<BTreeSet<_>>();
        for name in &below {
            assert!(offered.contains(*name), "bash{words}: {name} in {offered:?}");
        }

        let file = staged("fish/vendor_completions.d/gatepost.fish");
        let script = format!("source '{file}'; complete --do-complete 'gatepost{words} '");
        let offered = outside("fish", &["--no-config", "-c", &script]);
        let offered = offered.stdout.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned);
        let offered = offered.collect::<BTreeSet<_>>();
        for name in &below {
            assert!(offered.contains(*name), "fish{words}: {name} in {offered:?}");
        }
        for hidden in ["completions", "man"] {
            assert!(!offered.contains(hidden), "fish{words}: {offered:?}");
        }
    }
}

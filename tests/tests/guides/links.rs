//! A link that leads nowhere is found before a reader finds it.

use gatepost_tests::tree::workspace;
use std::{
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_link_of_the_pages_leads_to_a_file() {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| workspace().join(name)).into();
    let mut guides = vec![workspace().join("docs")];
    while let Some(folder) = guides.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                guides.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    let (mut count, mut broken) = (0, Vec::new());
    for page in pages {
        for link in links(&fs::read_to_string(&page).unwrap()) {
            count += 1;
            if !page.parent().unwrap().join(&link).exists() {
                broken.push(format!("{}: {link}", shown(&page)));
            }
        }
    }
    assert!(count > 30, "only {count} links were found");
    assert_eq!(broken, Vec::<String>::new());
}

/// The relative links, without what stands after a `#`.
fn links(page: &str) -> Vec<String> {
    let ends = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = ends.map(|(target, _)| target.split('#').next().unwrap().to_owned());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

fn shown(page: &Path) -> String {
    page.strip_prefix(workspace()).unwrap().display().to_string()
}

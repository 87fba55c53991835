//! `gatepost providers`: without a server, and without a flag in a tree of its own.

use gatepost_tests::{Site, gatepost};

#[test]
fn it_lists_what_is_found_in_its_own_tree() {
    let ended = gatepost(&["providers"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line =
        ended.stdout.lines().find(|line| line.contains("script.so")).unwrap_or_else(|| panic!("{ended:?}"));
    assert!(line.contains(env!("CARGO_PKG_VERSION")), "{line}");
    assert!(line.contains("1.0"), "the provider API: {line}");
}

#[test]
fn with_a_name_it_prints_the_parameter_table() {
    let ended = gatepost(&["providers", "script"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for word in ["SCRIPT", "BACKGROUND", "REGEXP", "TIMEOUT", "directory", "30", "background"] {
        assert!(ended.stdout.contains(word), "{word} in {}", ended.stdout);
    }
    let page = gatepost(&["providers", "script", "--markdown"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    assert!(page.stdout.starts_with("# Provider `script`\n"), "{page:?}");
    assert!(page.stdout.contains("| `SCRIPT` | yes | |"), "{page:?}");
    let unknown = gatepost(&["providers", "scirpt"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.output().contains("script"), "the nearest name: {unknown:?}");
}

#[test]
fn a_gateway_that_is_wrong_hides_no_provider() {
    let site =
        Site::new("[gateways.unset]\nprovider = \"http\"\nparameters = { URL = { env = \"UNSET\" } }\n");
    let providers = || gatepost(&["providers", "--config", site.config().to_str().unwrap()]);
    let listed = providers();
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stdout.contains("http.so") && listed.stderr.contains("gatepost check"), "{listed:?}");

    site.configure(&site.configuration().replace("[plugins]", "[plugins]\nfolder = \"none\""));
    let refused = providers();
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("plugins.folder") && !refused.stderr.contains("UNSET"), "{refused:?}");
}

//! Files that are no export.

use super::{import, site, written};
use std::fs;

#[test]
fn what_is_no_export_is_refused_and_nothing_is_written() {
    let python = "{'smsgateway': {'a': {'providermodule': 'x', 'description': None}},\n 'secret': 'hunter2'}";
    for (name, text, fragment) in [
        ("export.py", python, "Python literal"),
        ("export.json", python, "Python literal"),
        ("export.txt", python, "Python literal"),
        ("cut.json", "{\"smsgateway\": {\"a\": {\"providermodule\": \"hunter2", "it is no JSON: line 1"),
        ("cut.yaml", "smsgateway:\n  a: 'hunter2\n", "it is no YAML: line "),
        ("object.yaml", "smsgateway: !!python/object/apply:os.system [hunter2]\n", "it is no YAML: line 1"),
        ("other.json", "{\"policy\": {\"p\": \"hunter2\"}}", "neither `smsgateway` nor `smtpserver`"),
        ("list.json", "[\"hunter2\"]", "it is a list"),
        ("empty", "", "nothing in it"),
    ] {
        let site = site();
        let file = site.path().join(name);
        fs::write(&file, text).unwrap();
        let ended = import(&site, &file, &[]);
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{name}: {ended:?}");
        assert!(
            ended.stderr.contains(fragment) && ended.stderr.contains("pi-manage config export"),
            "{name}: {ended:?}"
        );
        assert!(!ended.output().contains("hunter2"), "{ended:?}");
        assert_eq!(written(&site), [""; 0]);
    }
}

#[test]
fn a_file_that_can_not_be_read_is_refused() {
    let site = site();
    let missing = import(&site, &site.path().join("missing.json"), &[]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("missing.json: the export can't be read: "), "{missing:?}");
    let file = site.path().join("latin.json");
    fs::write(&file, b"{\"smsgateway\": {\"B\xfcro\": {}}}").unwrap();
    let latin = import(&site, &file, &[]);
    assert_eq!(latin.code, Some(2), "{latin:?}");
    assert!(latin.stderr.contains("no text in UTF-8"), "{latin:?}");
}

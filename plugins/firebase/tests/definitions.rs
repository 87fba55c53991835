//! Which definitions are refused; `gatepost check` in the end-to-end tests shows the others and the words.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_api::{
    Context, Definition, Problem, Provider,
    serde_json::{Value, json},
    tokio,
};
use gatepost_provider_firebase::Firebase;

fn create(parameters: &Value) -> Result<Firebase, Vec<Problem>> {
    let parameters = parameters.as_object().cloned().unwrap_or_default();
    let definition = Definition { gateway: "gw".into(), parameters, ..Definition::default() };
    let definition = Firebase::declaration().check(&definition)?;
    Firebase::create(definition, Context::for_tests("gw").unwrap())
}

#[tokio::test]
async fn all_mistakes_are_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    std::fs::write(&file, "{").unwrap();
    let change = json!({
        "JSON config file": file.to_str().unwrap(),
        "ENDPOINT": "fcm.example",
        "COLLAPSE_ID": "a\nb",
        "httpsproxy": "ftp://user:hunter2@x",
    });
    let problems = create(&change).unwrap_err();
    let keys = problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>();
    assert_eq!(keys, ["JSON config file", "ENDPOINT", "COLLAPSE_ID", "httpsproxy"]);
    assert!(problems.iter().all(|problem| !problem.to_string().contains("hunter2")), "{problems:?}");
}

#[tokio::test]
async fn a_definition_without_the_config_file_is_refused_in_words_that_users_know() {
    let problems = create(&json!({ "projectid": "x" })).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].to_string().starts_with("JSON config file: No JSON config file provided."),
        "{problems:?}"
    );
}

#[test]
fn the_keys_of_both_apps_are_secret() {
    let declaration = Firebase::declaration();
    let secret = declaration.parameters.iter().filter(|parameter| parameter.is_secret());
    let names = secret.map(|parameter| parameter.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["apikey", "apiios"]);
}

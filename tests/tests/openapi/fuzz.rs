//! PyPI's `schemathesis` reads the document and looks for a request that the host answers otherwise than it says there.

use crate::{Described, ROOT};
use gatepost_tests::{Host, peers::python::python, tree};
use serde_json::{Value, json};
use std::{collections::BTreeSet, env};

/// How long it looks.
const SECONDS: u64 = 60;

#[test]
fn schemathesis_finds_nothing() {
    let described = Described::new();
    let host = Host::start_with(&described.site, &tree::binary(), &["--log", "info,gatepost::api=debug"]);
    let mut host = host.with_key(ROOT);
    let seconds = env::var("GATEPOST_SCHEMATHESIS_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let settings = tree::workspace().join("tests/peers/schemathesis");
    let spare = described.definition();
    assert_eq!(host.put("/v1/gateways/spare", &spare).status, 201);
    // What it has to say of the machine is another matter.
    let before = host.log().lines().count();
    let site = json!({
        "gateways": ["clickatell"], "routes": ["default"], "callbacks": [described.receiver.url("/hook")], "providers": ["http"],
        "spare": "spare", "definition": spare,
    });
    let output = python()
        .args(["-c", "import schemathesis.cli as st; st.schemathesis()", "--config-file"])
        .arg(settings.join("schemathesis.toml"))
        .args(["run", "--no-color", "--max-time", &seconds.to_string()])
        .arg(host.url("/openapi.json"))
        .env("PYTHONPATH", &settings)
        .env("GATEPOST_KEY", ROOT)
        .env("GATEPOST_SITE", site.to_string())
        // It keeps what it has found there.
        .current_dir(described.site.path())
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{}: it has found something, see above", output.status);
    assert!(host.is_running());

    let log = host.log();
    let lines =
        log.lines().skip(before).map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let troubles = lines
        .iter()
        .filter(|line| ["WARN", "ERROR"].contains(&line["level"].as_str().unwrap()))
        .collect::<Vec<_>>();
    assert!(troubles.is_empty(), "{troubles:?}");
    // It has looked everywhere, behind the doors too.
    let answered = lines.iter().filter(|line| line["status"].as_u64().is_some_and(|status| status < 300));
    let answered = answered.filter_map(|line| {
        let path = line["path"].as_str()?;
        Some(format!("{} {}", line["method"].as_str()?, path))
    });
    let answered = answered.collect::<BTreeSet<_>>();
    let document = host.get("/openapi.json").body;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let operation = format!("{} {path}", method.to_uppercase());
            assert!(answered.contains(&operation), "{operation} never succeeded");
        }
    }
}

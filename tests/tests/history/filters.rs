//! What a list holds is what its filter says, for each key what it may see, and on the command line too.

use gatepost_tests::{Answer, Host, Site, client, command, in_seconds, tree};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn site() -> Site {
    let key = |name: &str, scopes: &str| {
        let hash = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("[[api_keys]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [{scopes}]\n")
    };
    let site = Site::new(&format!(
        "[gateways.strict]\nprovider = \"script\"\nparameters = {{ SCRIPT = \"strict\" }}\n{}{}{}",
        key("app", "\"send\""),
        key("web", "\"send\""),
        key("eye", "\"read\""),
    ));
    site.add_script("strict", "#!/bin/sh\necho barred >&2\nexit 3\n");
    site
}

fn get(host: &Host, key: &str, query: &[(&str, &str)]) -> Answer {
    let url = reqwest::Url::parse_with_params(&host.url("/v1/messages"), query).unwrap();
    client::send(host.client().get(url).bearer_auth(key)).unwrap()
}

fn messages(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["messages"].as_array().unwrap().clone()
}

/// Whether a condition holds for a message.
type Holds<'c> = &'c dyn Fn(&Value) -> bool;

/// Messages that end in every way that there is without receipts, from two applications.
fn send_some(host: &Host) {
    let later = in_seconds(3600);
    for (number, (key, gateway)) in
        [("app", "outbox"), ("app", "strict"), ("web", "outbox")].into_iter().cycle().take(18).enumerate()
    {
        let mut message =
            json!({ "to": format!("+49170{}", number % 2), "text": "hello", "gateway": gateway });
        if number % 3 == 1 {
            message["tag"] = "login".into();
        }
        if number % 5 == 0 {
            message["send_at"] = later.as_str().into();
        }
        let query = if number % 5 == 0 { "" } else { "?wait=30" };
        let post = host.client().post(host.url(&format!("/v1/messages{query}"))).bearer_auth(key);
        let sent = client::send(post.json(&message)).unwrap();
        assert!([200, 202, 502].contains(&sent.status), "{sent:?}");
        if number % 10 == 5 {
            let one = host.client().delete(host.url(&format!("/v1/messages/{}", sent.id()))).bearer_auth(key);
            assert_eq!(client::send(one).unwrap().status, 200);
        }
    }
}

#[test]
fn a_list_holds_what_its_filter_says_and_nothing_else() {
    let (site, app, web) = (site(), "app", "web");
    let host = Host::start(&site);
    send_some(&host);
    let all = messages(&get(&host, "eye", &[]));
    assert_eq!(all.len(), 18);
    for (state, count) in [("queued", 2), ("sent", 9), ("failed", 5), ("canceled", 2)] {
        assert_eq!(all.iter().filter(|message| message["state"] == state).count(), count, "{state}");
    }
    let middle = all[9]["created_at"].as_str().unwrap();
    let conditions: [(&str, &str, Holds<'_>); 7] = [
        ("state", "queued,failed", &|message| {
            ["queued", "failed"].contains(&message["state"].as_str().unwrap())
        }),
        ("state", "sent", &|message| message["state"] == "sent"),
        ("gateway", "outbox", &|message| message["gateway"] == "outbox"),
        ("to", "+491701", &|message| message["to"] == "+491701"),
        ("tag", "login", &|message| message["tag"] == "login"),
        ("since", middle, &|message| message["created_at"].as_str().unwrap() >= middle),
        ("until", middle, &|message| message["created_at"].as_str().unwrap() < middle),
    ];
    let mut with_something = 0;
    for combination in 0..1 << conditions.len() {
        let chosen = conditions.iter().enumerate().filter(|(bit, _)| combination & (1 << bit) > 0);
        let chosen = chosen.map(|(_, condition)| condition).collect::<Vec<_>>();
        if chosen.iter().filter(|(name, _, _)| *name == "state").count() == 2 {
            continue;
        }
        let query = chosen.iter().map(|(name, value, _)| (*name, *value)).collect::<Vec<_>>();
        let wanted = all.iter().filter(|message| chosen.iter().all(|(_, _, holds)| holds(message)));
        let wanted = wanted.cloned().collect::<Vec<_>>();
        with_something += usize::from(!wanted.is_empty());
        assert_eq!(messages(&get(&host, "eye", &query)), wanted, "{query:?}");
    }
    assert!(with_something > 20, "{with_something}");

    // Each application its own, together all.
    let (of_app, of_web) = (messages(&get(&host, app, &[])), messages(&get(&host, web, &[])));
    assert_eq!((of_app.len(), of_web.len()), (12, 6));
    assert!(of_app.iter().all(|message| !of_web.contains(message)));
    let strict = messages(&get(&host, web, &[("gateway", "strict")]));
    assert!(strict.is_empty(), "another's are not found by a filter either: {strict:?}");
}

#[test]
fn the_command_line_lists_them_too() {
    let site = site();
    let host = Host::start(&site);
    send_some(&host);
    let list = |arguments: &[&str]| {
        let mut command = command::clean(&tree::binary());
        command.args(["messages", "list", "--server", &host.url("")]).args(arguments);
        command::run(command.env("GATEPOST_API_KEY", "eye"), "")
    };
    let failed = messages(&get(&host, "eye", &[("state", "failed")]));
    let table = list(&["--state", "failed"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let lines =
        table.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect::<Vec<_>>();
    assert_eq!(lines[0], ["ID", "CREATED", "STATE", "TO", "GATEWAY", "TAG"]);
    assert_eq!(lines.len(), failed.len() + 1);
    for (line, message) in lines[1..].iter().zip(&failed) {
        assert_eq!(
            (line[0], line[2], line[3]),
            (message["id"].as_str().unwrap(), "failed", message["to"].as_str().unwrap())
        );
    }
    let as_json = list(&["--state", "failed", "--json", "--limit", "2"]);
    let as_json: Value = serde_json::from_str(&as_json.stdout).unwrap();
    assert_eq!(as_json["messages"].as_array().unwrap()[..], failed[..2]);
    let rest = list(&["--state", "failed", "--json", "--cursor", as_json["next_cursor"].as_str().unwrap()]);
    let rest: Value = serde_json::from_str(&rest.stdout).unwrap();
    assert_eq!(
        (rest["messages"].as_array().unwrap()[..].to_vec(), &rest["next_cursor"]),
        (failed[2..].to_vec(), &Value::Null)
    );

    let none = list(&["--to", "+49"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), "there are no such messages\n"));
    let wrong = list(&["--state", "lost"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("state: \"lost\" is no state; there are queued"), "{wrong:?}");
}

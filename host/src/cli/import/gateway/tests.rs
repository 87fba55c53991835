use super::*;
use gatepost_provider_api::Parameter;
use serde_json::json;

/// What a provider that takes the place of the module declares, as far as it counts here.
fn declaration(module: &Module) -> Declaration {
    let names: &[&str] = match module.provider {
        "http" => &[
            "URL",
            "HTTP_METHOD",
            "CHECK_SSL",
            "SEND_DATA_AS_JSON",
            "RETURN_SUCCESS",
            "USERNAME",
            "PASSWORD",
            "REGEXP",
            "PROXY",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "TIMEOUT",
            "PARAMETER",
            "REDIRECTS",
        ],
        "smtp" => &["MAILTO", "SMTPIDENTIFIER", "SUBJECT", "BODY", "REGEXP"],
        "script" => &["SCRIPT", "BACKGROUND", "REGEXP", "TIMEOUT"],
        "sipgate" => &["USERNAME", "PASSWORD", "PROXY", "REGEXP", "ENDPOINT"],
        "smpp" => &["SMSC_HOST", "SMSC_PORT", "S_ADDR_TON"],
        _ => &["JSON config file", "projectid", "apiios"],
    };
    let declaration = Declaration::new("");
    let declaration =
        if module.provider == "http" { declaration.allow_options().allow_headers() } else { declaration };
    names.iter().fold(declaration, |declaration, name| declaration.parameter(Parameter::text(name)))
}

/// The definition for these options of this module.
pub(in super::super) fn draft(class: &str, options: Value) -> Result<Draft, String> {
    let gateway = json!({
        "providermodule": format!("privacyidea.lib.smsprovider.{class}.{class}"), "options": options, "headers": {},
    });
    taken(&gateway)
}

fn taken(gateway: &Value) -> Result<Draft, String> {
    let module = module(gateway)?;
    Draft::new(module, &declaration(module), gateway, "gw", &mut Variables::default())
}

pub(in super::super) fn noted(draft: &Draft) -> Vec<(Kind, &str)> {
    draft.notes.iter().map(|note| (note.kind, note.key.as_str())).collect()
}

#[test]
fn parameters_are_told_from_options() {
    let options = json!({
        "text": "{otp}", "URL": "http://x", "REDIRECTS": "5", "PASSWORD": CENSORED, "key": CENSORED, "PROXY": "", "n": 5, "no": null,
    });
    let draft = draft("HttpSMSProvider", options).unwrap();
    let parameters = [
        ("URL".to_owned(), Given::Text("http://x".into())),
        ("PASSWORD".to_owned(), Given::Env("GW_PASSWORD".into())),
    ];
    assert_eq!(draft.parameters, parameters);
    let text = |text: &str| Given::Text(text.into());
    let options = [
        ("text".to_owned(), text("{otp}")),
        ("REDIRECTS".to_owned(), text("5")),
        ("key".to_owned(), Given::Env("GW_KEY".into())),
        ("n".to_owned(), text("5")),
    ];
    assert_eq!(draft.options, options);
    assert_eq!(draft.variables().collect::<Vec<_>>(), [("GW_PASSWORD", "PASSWORD"), ("GW_KEY", "key")]);
    assert_eq!(noted(&draft), [(Kind::NoCounterpart, "no")]);
}

#[test]
fn what_a_module_does_not_read_is_left_out_and_said() {
    let gateway = json!({
        "providermodule": "privacyidea.lib.smsprovider.ScriptSMSProvider.ScriptSMSProvider",
        "options": { "script": "a", "background": "wait", "TIMEOUT": "5" },
        "headers": { "X-A": "b" },
        "position": 5,
    });
    let draft = taken(&gateway).unwrap();
    let keys = draft.parameters.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>();
    assert_eq!(keys, ["SCRIPT", "BACKGROUND"]);
    let lost = Kind::NoCounterpart;
    assert_eq!(
        noted(&draft),
        [(lost, "TIMEOUT"), (lost, "X-A"), (lost, "position"), (Kind::Differs, "TIMEOUT")]
    );
}

#[test]
fn what_the_installed_provider_does_not_have_is_left_out_and_said() {
    let draft = draft(
        "FirebaseProvider",
        json!({ "JSON config file": "/a", "httpsproxy": "http://p", "apikeyios": "k" }),
    );
    let draft = draft.unwrap();
    assert_eq!(noted(&draft), [(Kind::NoCounterpart, "httpsproxy"), (Kind::Renamed, "apikeyios")]);
    assert_eq!((draft.parameter("apiios"), draft.has("httpsproxy")), (Some("k"), false));
}

#[test]
fn what_can_not_be_taken_over_says_why() {
    for (gateway, fragment) in [
        (json!([]), "it is a list"),
        (json!({}), "no providermodule"),
        (json!({ "providermodule": "my.own.Module" }), "my.own.Module"),
        (json!({ "providermodule": 5 }), "a number"),
    ] {
        assert!(module(&gateway).unwrap_err().contains(fragment), "{gateway}");
    }
    for (class, options, fragment) in [
        ("HttpSMSProvider", json!([]), "its options are a list"),
        ("HttpSMSProvider", json!({ "URL": ["x"] }), "URL is a list"),
        ("ScriptSMSProvider", json!({ "script": "a", "SCRIPT": "b" }), "SCRIPT twice"),
        ("ScriptSMSProvider", json!({ "script": "sub/a" }), "no file name"),
    ] {
        assert!(draft(class, options.clone()).unwrap_err().contains(fragment), "{options}");
    }
}

#[test]
fn what_relied_on_a_bug_is_said() {
    for (class, options, key) in [
        ("HttpSMSProvider", json!({ "REGEXP": r"/\./\//" }), "REGEXP"),
        ("SipgateSMSProvider", json!({ "REGEXP": "/a//" }), "REGEXP"),
        ("SipgateSMSProvider", json!({ "PROXY": "http://x" }), "PROXY"),
        ("SmppSMSProvider", json!({ "SMSC_HOST": "x", "S_ADDR_TON": "5" }), ""),
        ("ScriptSMSProvider", json!({ "script": "a" }), "BACKGROUND"),
        ("ScriptSMSProvider", json!({ "script": "a", "background": "background" }), "BACKGROUND"),
    ] {
        let draft = draft(class, options.clone()).unwrap();
        assert!(noted(&draft).contains(&(Kind::NotCopied, key)), "{options}: {draft:?}");
    }
    let sound = draft("HttpSMSProvider", json!({ "REGEXP": r"/[\+\/]/\\/" })).unwrap();
    assert_eq!(noted(&sound), []);
}

#[test]
fn a_file_holds_the_whole_definition() {
    let gateway = json!({
        "providermodule": "privacyidea.lib.smsprovider.HttpSMSProvider.HttpSMSProvider",
        "description": "Büro",
        "options": { "URL": "http://x", "b": "1", "a": "2" },
        "headers": { "X-A": "c" },
    });
    let file = taken(&gateway).unwrap().file("b-ro", "bü\nro");
    let expected = "# Taken over from privacyIDEA: bü ro (HttpSMSProvider)\n\
        [gateways.b-ro]\nprovider = \"http\"\ndescription = \"Büro\"\n\
        \n[gateways.b-ro.parameters]\nURL = \"http://x\"\n\
        \n[gateways.b-ro.options]\nb = \"1\"\na = \"2\"\n\
        \n[gateways.b-ro.headers]\nX-A = \"c\"\n";
    assert_eq!(file, expected);
}

//! What arrives is what was sent: addresses, alphabets, parts, as the SMSC reads them.

use super::{TEXT, TO, gateway, sent};
use gatepost_tests::{Host, Site, peers::smsc::Smsc, sent_with};
use serde_json::{Value, json};

#[test]
fn a_message_arrives_as_it_was_written() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway(
        "one",
        &smsc,
        "S_ADDR = \"Gatepost\"\nSYSTEM_TYPE = \"otp\"\nSERVICE_TYPE = \"CMT\"",
    ));
    let host = Host::start(&site);
    let answer = sent(&host, "one");
    assert_eq!(answer.body["provider_ids"], json!(["1"]), "{answer:?}");
    let attempt = &answer.body["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["code"]), (&json!("accepted"), &json!("0x00000000")));
    let bind = &smsc.events("bind_transceiver")[0];
    for (field, value) in [
        ("system_id", json!("gatepost")),
        ("password", json!("pass5521")),
        ("system_type", json!("otp")),
        ("interface_version", json!(0x34)),
    ] {
        assert_eq!(bind[field], value, "{bind}");
    }
    let submit = &smsc.submits()[0];
    for (field, value) in [
        ("service_type", json!("CMT")),
        ("source_addr", json!("Gatepost")),
        ("source_addr_ton", json!(5)),
        ("source_addr_npi", json!(0)),
        ("destination_addr", json!(TO)),
        ("dest_addr_ton", json!(1)),
        ("dest_addr_npi", json!(1)),
        ("esm_class", json!(0)),
        ("registered_delivery", json!(1)),
        ("data_coding", json!(0)),
        ("short_message", json!(TEXT)),
    ] {
        assert_eq!(submit[field], value, "{field}: {submit}");
    }
    assert!(!submit["validity_period"].is_null(), "{submit}");
    assert_eq!(
        smsc.events("connected").len(),
        2,
        "the one that looked whether it listens, and one bind: {submit}"
    );
}

#[test]
fn addresses_go_by_their_form_unless_the_definition_says_otherwise() {
    let smsc = Smsc::start();
    let gateways = [
        ("plus", "S_ADDR = \"+4912345\"", ("+4912345", 1, 1)),
        ("long", "S_ADDR = \"491234567\"", ("491234567", 1, 1)),
        ("short", "S_ADDR = \"12345678\"", ("12345678", 3, 0)),
        ("none", "", ("", 0, 0)),
        ("fixed", "S_ADDR = \"12345\"\nS_ADDR_TON = \"0x6\"\nS_ADDR_NPI = 9", ("12345", 6, 9)),
    ];
    let site = Site::new(&gateways.map(|(name, more, _)| gateway(name, &smsc, more)).concat());
    let host = Host::start(&site);
    for (number, (name, _, (address, ton, npi))) in gateways.into_iter().enumerate() {
        sent(&host, name);
        let submit = &smsc.submits()[number];
        let found = (&submit["source_addr"], &submit["source_addr_ton"], &submit["source_addr_npi"]);
        assert_eq!(found, (&json!(address), &json!(ton), &json!(npi)), "{name}");
    }
    let message = json!({ "to": TO, "text": TEXT, "gateway": "none", "from": "Other" });
    assert_eq!(host.post("/v1/messages?wait=30", &message).status, 200);
    let submit = smsc.submits().pop().unwrap();
    assert_eq!((&submit["source_addr"], &submit["source_addr_ton"]), (&json!("Other"), &json!(5)));
}

#[test]
fn numbers_are_rewritten_by_regexp() {
    let smsc = Smsc::start();
    let more = "REGEXP = '/[+-/. ]//'\nD_ADDR_TON = \"0x2\"\nD_ADDR_NPI = \"8\"";
    let site = Site::new(&gateway("one", &smsc, more));
    let host = Host::start(&site);
    sent_with(&host, "one", "+49 123/456-78", TEXT);
    let submit = &smsc.submits()[0];
    assert_eq!(submit["destination_addr"], "4912345678");
    assert_eq!((&submit["dest_addr_ton"], &submit["dest_addr_npi"]), (&json!(2), &json!(8)));
}

/// The texts of the parts, put together as their headers or TLVs say.
pub(super) fn put_together(parts: &[Value]) -> String {
    let mut places = Vec::new();
    for part in parts {
        let text = part["short_message"].as_str().unwrap().to_owned();
        let place = match part["udh"][0].as_str() {
            Some(element) => {
                let octets = (0..element.len() / 2)
                    .map(|n| u8::from_str_radix(&element[2 * n..2 * n + 2], 16).unwrap());
                let octets = octets.collect::<Vec<_>>();
                assert_eq!(part["esm_class"], 0x40);
                let (reference, last) = octets.split_at(octets.len() - 2);
                (reference.to_vec(), last[0], last[1])
            }
            None => {
                let octet = |name: &str| u8::try_from(part[name].as_u64().unwrap()).unwrap();
                assert_eq!(part["esm_class"], 0);
                let reference = part["sar_msg_ref_num"].to_string().into_bytes();
                (reference, octet("sar_total_segments"), octet("sar_segment_seqnum"))
            }
        };
        places.push((place, text));
    }
    places.sort();
    for (number, ((reference, total, part), _)) in places.iter().enumerate() {
        assert_eq!(reference, &places[0].0.0);
        assert_eq!((usize::from(*total), usize::from(*part)), (places.len(), number + 1));
    }
    places.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn long_texts_are_cut_where_they_must_be_and_are_whole_at_the_other_end() {
    let smsc = Smsc::start();
    let ways = ["udh", "udh16", "sar"];
    let site = Site::new(&ways.map(|long| gateway(long, &smsc, &format!("LONG = \"{long}\""))).concat());
    let host = Host::start(&site);
    let mut before = 0;
    for long in ways {
        let (gsm, wide) = if long == "udh16" { (304, 132) } else { (306, 134) };
        for (character, length, parts) in [
            ("a", 160, 1),
            ("a", 161, 2),
            ("a", gsm, 2),
            ("a", gsm + 1, 3),
            ("я", 70, 1),
            ("я", 71, 2),
            ("я", wide, 2),
            ("я", wide + 1, 3),
            ("€", 80, 1),
            ("€", 81, 2),
            ("😀", 35, 1),
            ("😀", 36, 2),
            ("😀", 100, 4),
        ] {
            let text = character.repeat(length);
            let answer = sent_with(&host, long, TO, &text);
            let submits = smsc.submits().split_off(before);
            before += submits.len();
            assert_eq!(submits.len(), parts, "{long} {character} {length}");
            assert_eq!(answer.body["provider_ids"].as_array().unwrap().len(), parts, "{answer:?}");
            let arrived = match parts {
                1 => submits[0]["short_message"].as_str().unwrap().to_owned(),
                _ => put_together(&submits),
            };
            assert_eq!(arrived, text, "{long} {character} {length}");
        }
    }
}

#[test]
fn a_text_that_goes_whole_arrives_whole() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("payload", &smsc, "LONG = \"payload\""));
    let host = Host::start(&site);
    for (number, text) in ["x".repeat(161), "я😀".repeat(100), "short".into()].into_iter().enumerate() {
        sent_with(&host, "payload", TO, &text);
        let submit = &smsc.submits()[number];
        let field = if number == 2 { "short_message" } else { "message_payload" };
        assert_eq!(submit[field], json!(text), "{submit}");
    }
}

#[test]
fn each_alphabet_is_read_by_the_smsc() {
    let smsc = Smsc::start();
    let names = ["auto", "gsm7", "gsm7-packed", "ucs2", "latin1"];
    let site = Site::new(&names.map(|name| gateway(name, &smsc, &format!("ENCODING = \"{name}\""))).concat());
    let host = Host::start(&site);
    for (number, (name, text, data_coding)) in [
        ("auto", "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ÄÖÑÜ§¿äöñüà ^{}\\[~]|€", 0),
        ("auto", "back`tick", 8),
        ("auto", "👩\u{200d}👩\u{200d}👧 ok", 8),
        ("gsm7", "plain [text]", 0),
        ("ucs2", "plain", 8),
        ("latin1", "façade ÿ", 3),
    ]
    .into_iter()
    .enumerate()
    {
        sent_with(&host, name, TO, text);
        let submit = &smsc.submits()[number];
        assert_eq!(
            (&submit["data_coding"], &submit["short_message"]),
            (&json!(data_coding), &json!(text)),
            "{name}"
        );
    }
    // A peer reads septets one in an octet: of ten packed ones nine octets arrive.
    sent_with(&host, "gsm7-packed", TO, "hellohello");
    let packed = smsc.submits().pop().unwrap();
    assert_eq!(
        (&packed["data_coding"], packed["short_message"].as_str().unwrap().chars().count()),
        (&json!(0), 9)
    );
    for (name, text) in [("gsm7", "я"), ("gsm7-packed", "`"), ("latin1", "€")] {
        let (outcome, _, detail) = gatepost_tests::refused(&host, name, TO, text);
        assert_eq!(outcome, "rejected", "{detail}");
        assert!(detail.contains("lacks a character"), "{detail}");
    }
    assert_eq!(smsc.submits().len(), 7);
}

#[test]
fn what_can_not_be_put_into_a_pdu_is_rejected_unsent() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, "MAX_PARTS = 2"));
    let host = Host::start(&site);
    for (to, text, why) in [
        (&"1".repeat(21)[..], TEXT, "longer than 20"),
        ("ünknown", TEXT, "not ASCII"),
        (TO, &"a".repeat(307)[..], "3 parts"),
    ] {
        let (outcome, _, detail) = gatepost_tests::refused(&host, "one", to, text);
        assert_eq!(outcome, "rejected", "{detail}");
        assert!(detail.contains(why), "{detail}");
    }
    assert!(smsc.submits().is_empty());
}

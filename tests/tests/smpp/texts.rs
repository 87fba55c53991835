//! Random texts, of every kind and about as long as their parts, as the SMSC reads them: its decoder and ours have nothing in common.

use super::{contents::put_together, gateway_with};
use gatepost_tests::{Host, Site, eventually, peers::smsc::Smsc, random::Random};
use serde_json::{Value, json};
use std::{collections::HashMap, env};

const ENCODINGS: [&str; 5] = ["auto", "gsm7", "gsm7-packed", "ucs2", "latin1"];
const LONGS: [&str; 4] = ["udh", "udh16", "sar", "payload"];

/// The default alphabet without CR, which also fills up packed septets, and its extension.
const GSM: &str =
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà\u{c}^{}\\[~]|€";
const LATIN1: &str = "aZ09 ÀÿçßÆ÷¢©«¶¾þ`~";
const WIDE: &str = "aяЖ漢字`ç\u{200d}\u{fffd}١ไทย\u{2028}";
const ASTRAL: &str = "😀👩🏽𝄞🛑a я";

/// How many texts are sent.
fn wanted() -> usize {
    env::var("GATEPOST_SMPP_TEXTS").map_or(300, |texts| texts.parse().unwrap())
}

/// Units of a character in an alphabet, and in a message alone and in a part.
fn measure(encoding: &str, letters: &str, character: char) -> (usize, [usize; 2]) {
    match encoding {
        "latin1" => (1, [140, 134]),
        "ucs2" => (character.len_utf16(), [70, 67]),
        "auto" if letters != GSM => (character.len_utf16(), [70, 67]),
        _ => (if "\u{c}^{}\\[~]|€".contains(character) { 2 } else { 1 }, [160, 153]),
    }
}

/// As long as a part, some parts, or a little more or less; or of any length.
fn text(encoding: &str, letters: &str, random: &mut Random) -> String {
    let mut below = |bound: usize| usize::try_from(random.below(bound.try_into().unwrap())).unwrap();
    let (_, [alone, part]) = measure(encoding, letters, 'a');
    let length = match below(4) {
        0 => 1 + below(4 * part),
        1 => alone - 2 + below(5),
        // As much less as the longer header takes, at times.
        _ => (part - below(2)) * (1 + below(4)) - 2 + below(5),
    };
    let letters_of = letters.chars().collect::<Vec<_>>();
    // Few pairs among many single units, or many.
    let plain = below(2) == 0;
    let (mut text, mut units) = (String::new(), 0);
    while units < length {
        let drawn = letters_of[below(letters_of.len())];
        let character = if plain && below(8) > 0 { 'a' } else { drawn };
        units += measure(encoding, letters, character).0;
        text.push(character);
    }
    text
}

/// What arrived at each number.
fn arrived(smsc: &Smsc) -> HashMap<String, String> {
    let mut parts: HashMap<String, Vec<Value>> = HashMap::new();
    for submit in smsc.submits() {
        parts.entry(submit["destination_addr"].as_str().unwrap().to_owned()).or_default().push(submit);
    }
    let whole = |parts: &Vec<Value>| match parts.as_slice() {
        [only] if only["message_payload"].is_string() => only["message_payload"].as_str().unwrap().to_owned(),
        [only] => only["short_message"].as_str().unwrap().to_owned(),
        several => put_together(several),
    };
    parts.iter().map(|(to, parts)| (to.clone(), whole(parts))).collect()
}

#[test]
fn random_texts_are_read_by_the_smsc_as_they_were_written() {
    let mut random = Random::seeded();
    // Septets are packed for one SMSC, and for the other they are not.
    let (plain, packing) = (Smsc::start(), Smsc::start());
    packing.set(&json!({ "packed": true }));
    let smsc = |encoding: &str| if encoding == "gsm7-packed" { &packing } else { &plain };
    let ways = ENCODINGS.iter().flat_map(|&encoding| LONGS.map(|long| (encoding, long))).collect::<Vec<_>>();
    let definitions = ways.iter().map(|(encoding, long)| {
        let more = format!("ENCODING = \"{encoding}\"\nLONG = \"{long}\"");
        gateway_with(&format!("{encoding}-{long}"), smsc(encoding), "max_in_flight = 20", &more)
    });
    let host = Host::start(&Site::new(&definitions.collect::<String>()));
    let mut sent = HashMap::new();
    let mut messages = Vec::new();
    for number in 0..wanted() {
        let (encoding, long) = ways[number % ways.len()];
        let letters = match encoding {
            "gsm7" | "gsm7-packed" => GSM,
            "latin1" => LATIN1,
            _ => [GSM, LATIN1, WIDE, ASTRAL][usize::try_from(random.below(4)).unwrap()],
        };
        let (to, text) = (format!("+49170{number:07}"), text(encoding, letters, &mut random));
        messages.push(json!({ "to": to, "text": text, "gateway": format!("{encoding}-{long}") }));
        sent.insert(to, text);
    }
    let mut ids = Vec::new();
    for batch in messages.chunks(200) {
        let answer = host.post("/v1/messages/batch", &json!({ "messages": batch }));
        assert_eq!(answer.status, 202, "{answer:?}");
        let accepted = answer.body["messages"].as_array().unwrap();
        ids.extend(accepted.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
    }
    for id in &ids {
        let message = eventually("it is over", || {
            Some(host.message(id))
                .filter(|message| !["queued", "sending"].contains(&message["state"].as_str().unwrap()))
        });
        assert_eq!(message["state"], "sent", "{message}");
    }
    let mut found = arrived(&plain);
    found.extend(arrived(&packing));
    assert_eq!(found.len(), sent.len());
    for (to, text) in &sent {
        assert_eq!(found.get(to), Some(text), "{to}");
    }
    println!("{} texts in {} parts", sent.len(), plain.submits().len() + packing.submits().len());
}

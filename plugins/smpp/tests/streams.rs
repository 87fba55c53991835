//! Random and mutated streams of PDUs: the decoder neither panics nor hangs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_smpp::read_stream;
use std::env;

/// How many PDUs are read; `GATEPOST_PDUS` changes it.
const PDUS: usize = 100_000;

/// PDUs as SMSCs send them, from the command_id on.
const SEEDS: [&[u8]; 7] = [
    b"\x80\0\0\x04\0\0\0\0\0\0\0\x01abc123\0",
    b"\x80\0\0\x09\0\0\0\0\0\0\0\x01smsc\0\x02\x10\0\x01\x34",
    b"\0\0\0\x05\0\0\0\0\0\0\0\x07\0\x01\x0149170\0\x01\x014711\0\x04\0\0\0\0\0\0\0\0\x1fid:1 stat:DELIVRD err:000 text:x\0\x1e\0\x021\0\x04\x27\0\x01\x02",
    b"\0\0\0\x05\0\0\0\0\0\0\0\x07\0\x01\x0149170\0\x01\x014711\0\x40\0\0\0\0\0\0\x08\0\x0a\x05\0\x03\x07\x02\x01\xd8\x3d\xde\0",
    b"\0\0\0\x05\0\0\0\0\0\0\0\x07CMT\0\x01\x0149170\0\x01\x014711\0\0\0\0\0\0\0\0\x03\0\0\x04\x24\0\x05hello\x02\x0c\0\x02\0\x01\x02\x0e\0\x01\x02\x02\x0f\0\x01\x01",
    b"\0\0\0\x15\0\0\0\0\0\0\0\x09",
    b"\0\0\x01\x03\0\0\0\0\0\0\0\x09\0\x01\x0149170\0\x01\x014711\0\0\0\0\x04\x24\0\x05hello",
];

fn framed(pdu: &[u8]) -> Vec<u8> {
    let length = u32::try_from(pdu.len() + 4).unwrap();
    [&length.to_be_bytes()[..], pdu].concat()
}

#[test]
fn random_and_mutated_streams_are_read_to_their_end() {
    let wanted = env::var("GATEPOST_PDUS").map_or(PDUS, |pdus| pdus.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let (mut made, mut read) = (0, 0);
    while made < wanted {
        let mut stream = Vec::new();
        for _ in 0..random.usize(1..8) {
            let mut pdu = SEEDS[random.usize(..SEEDS.len())].to_vec();
            for _ in 0..random.usize(..6) {
                let at = random.usize(..pdu.len());
                match random.u8(..5) {
                    0 => pdu[at] = random.u8(..),
                    1 => pdu[at] ^= 1 << random.u8(..8),
                    2 => pdu.truncate(at.max(12)),
                    3 => pdu.insert(at, random.u8(..)),
                    _ => pdu.extend((0..random.usize(..40)).map(|_| random.u8(..))),
                }
            }
            if random.u8(..10) == 0 {
                // An id that the codec knows, and a body that has nothing to do with it.
                let id: u32 = [1, 2, 3, 4, 5, 7, 8, 9, 0xb, 0x21, 0x102, 0x103, 0x111, 0x112, 0x113]
                    [random.usize(..15)];
                let id = id | if random.bool() { 0x8000_0000 } else { 0 };
                pdu.splice(..4, id.to_be_bytes());
            }
            stream.extend(framed(&pdu));
            made += 1;
        }
        if random.u8(..20) == 0 {
            let at = random.usize(..stream.len());
            stream[at] = random.u8(..);
        }
        read += read_stream(&stream);
    }
    assert!(read > wanted / 2, "{read} of {made} were whole");
}

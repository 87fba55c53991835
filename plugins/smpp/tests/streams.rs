//! Random and mutated streams of PDUs: the decoder neither panics nor hangs, nor takes more memory than a PDU may.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]
#![expect(unsafe_code, reason = "an allocator is unsafe to write")]

use gatepost_provider_smpp::read_stream;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env,
};

/// Counts what this thread holds, and the most that it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // A thread that ends has nothing to count with any more.
    let held = HELD.try_with(|held| {
        held.set(held.get() + change);
        held.get()
    });
    if let Ok(held) = held {
        MOST.try_with(|most| most.set(most.get().max(held))).unwrap_or_default();
    }
}

// SAFETY: every call goes to the system's allocator as it came; the counters don't allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are those that it needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promises are those that it needs.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` came to, and the most that it held beside what was there before.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let done = work();
    (done, (MOST.get() - before).max(0).unsigned_abs())
}

/// What reading a stream may take: copies of it, and what the codec makes of one PDU.
fn bound(stream: &[u8]) -> usize {
    16 * stream.len() + (64 << 10)
}

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
        let (count, most) = measured(|| read_stream(&stream));
        assert!(most <= bound(&stream), "{most} bytes for a stream of {}", stream.len());
        read += count;
    }
    assert!(read > wanted / 2, "{read} of {made} were whole");
}

#[test]
fn a_length_that_is_only_announced_costs_nothing() {
    for length in (0..32).map(|bit| 1_u32 << bit).chain([u32::MAX, 0x7fff_ffff, 128 << 10, (128 << 10) + 1]) {
        for seed in SEEDS {
            let stream = [&length.to_be_bytes()[..], seed].concat();
            let (_, most) = measured(|| read_stream(&stream));
            assert!(most <= bound(&stream), "{length}: {most} bytes");
        }
    }
    // The same of the lengths within a PDU: that of a text, and those of TLVs.
    for seed in SEEDS {
        for at in 12..seed.len() {
            let mut pdu = seed.to_vec();
            pdu[at..].iter_mut().take(2).for_each(|octet| *octet = 0xff);
            let stream = framed(&pdu);
            let (_, most) = measured(|| read_stream(&stream));
            assert!(most <= bound(&stream), "{at} of {pdu:x?}: {most} bytes");
        }
    }
}

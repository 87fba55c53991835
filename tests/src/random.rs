//! Random moments that can be had again: xorshift64* from a printed seed.

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

/// A source of numbers.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From `GATEPOST_SEED`, else from the clock. Prints the seed.
    pub fn seeded() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let seed = env::var("GATEPOST_SEED").map_or(u64::from(clock), |seed| seed.parse().unwrap());
        println!("GATEPOST_SEED={seed}");
        // Zero is the one state that the generator never leaves.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

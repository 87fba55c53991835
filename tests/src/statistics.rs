//! What several measurements say together.

use std::ops::RangeInclusive;

/// The one in the middle; of an even count, the higher of the two there.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The least and the most.
pub fn spread(values: &[f64]) -> RangeInclusive<f64> {
    percentile(values, 0.0)..=percentile(values, 1.0)
}

/// The value that this share of all does not exceed; `share` goes from 0 to 1. Panics where there are none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    values[((values.len() as f64 * share) as usize).min(last)]
}

// SPDX-License-Identifier: GPL-2.0
//! The arbiters' random numbers.

/// xorshift64*; small, fast and the same everywhere.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        // Zero is the one state the generator does not leave.
        Self(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    #[inline]
    pub fn byte(&mut self) -> u8 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    }
}

/// Choose one of the four priority bins in `mask` (not 0); bin 0 is the highest.
///
/// The weights are cumulative thresholds of an 8-bit random number, one per bin, bin 0 in the
/// lowest byte: at most the first, strict order; otherwise the first bin whose threshold is not
/// exceeded goes first if it has anything.
#[inline]
pub fn pick_bin(mask: u8, weights: u32, rng: &mut Rng) -> usize {
    let strict = mask.trailing_zeros() as usize & 3;
    if mask & mask.wrapping_sub(1) == 0 {
        return strict;
    }
    let r = rng.byte();
    let [w0, w1, w2, w3] = weights.to_le_bytes();
    let boosted = if r <= w0 {
        return strict;
    } else if r <= w1 {
        1
    } else if r <= w2 {
        2
    } else if r <= w3 {
        3
    } else {
        return strict;
    };
    if mask >> boosted & 1 != 0 {
        boosted
    } else {
        strict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_weights_boost_lower_bins_a_little() {
        let mut rng = Rng::new(1);
        let mut n = [0u32; 4];
        for _ in 0..1 << 16 {
            n[pick_bin(0b1111, 0xfffd_fbf9, &mut rng)] += 1;
        }
        for (bin, &count) in n.iter().enumerate().skip(1) {
            // 2 of 256 each.
            assert!((400..650).contains(&count), "bin {bin}: {count}");
        }
    }

    #[test]
    fn all_ones_is_strict() {
        let mut rng = Rng::new(1);
        for mask in 1..16u8 {
            for _ in 0..1000 {
                assert_eq!(pick_bin(mask, !0, &mut rng), mask.trailing_zeros() as usize);
            }
        }
    }

    #[test]
    fn a_boosted_bin_without_work_changes_nothing() {
        let mut rng = Rng::new(7);
        for _ in 0..10_000 {
            // Always boosts bin 1, which is empty.
            assert_eq!(pick_bin(0b1100, 0x0000_ff00, &mut rng), 2);
        }
    }
}

//! Generates reproducible pseudo-random bits, so that a seed always gives the same world. It is not for secrets.

/// The finalizer of `SplitMix64`, which spreads adjacent inputs over all 64 bits.
pub(super) const fn splitmix64(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

//! Pretend chance: the same input always gives the same bits, so that a world can be made twice.

/// The finaliser of `SplitMix64`: spreads neighbouring inputs over all 64 bits.
pub(super) const fn splitmix64(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

//! Generates phone numbers without an owner, from ranges that regulators reserve for fiction.
//!
//! It never returns a number outside these ranges, because a demo must not show a number that can ring.
//! Sources: NANPA (555-0100 to 555-0199 in each area code), Ofcom, ARCEP, Bundesnetzagentur and ACMA, each on
//! "numbers for use in drama".

/// The region of the numbers of a WABA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Region {
    /// Numbers such as `+1 212-555-0143`.
    NorthAmerica,
    /// Numbers such as `+44 7700 900112`.
    Britain,
    /// Numbers such as `+33 6 39 98 12 34`.
    France,
    /// Numbers such as `+49 30 23125 117`.
    Germany,
    /// Numbers such as `+61 2 5550 1234`.
    Australia,
}

/// Area codes of the United States and Canada. Each has 100 numbers for fiction.
const AREA_CODES: [u16; 378] = [
    212, 415, 312, 617, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 213, 214, 215, 216, 217, 218, 219, 220, 223,
    224, 225, 226, 227, 228, 229, 231, 234, 236, 239, 240, 248, 249, 250, 251, 252, 253, 254, 256, 260, 262, 267, 269,
    270, 272, 274, 276, 279, 281, 289, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 313, 314, 315, 316, 317, 318,
    319, 320, 321, 323, 325, 326, 327, 330, 331, 332, 334, 336, 337, 339, 341, 343, 346, 347, 351, 352, 360, 361, 364,
    365, 367, 368, 380, 385, 386, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 416, 417, 418, 419,
    423, 424, 425, 430, 431, 432, 434, 435, 437, 438, 440, 442, 443, 445, 447, 450, 458, 463, 464, 469, 470, 475, 478,
    479, 480, 484, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 512, 513, 514, 515, 516, 517, 518, 519, 520, 530,
    531, 534, 539, 540, 541, 548, 551, 557, 559, 561, 562, 563, 564, 567, 570, 571, 573, 574, 575, 579, 580, 581, 582,
    585, 586, 587, 601, 602, 603, 604, 605, 606, 607, 608, 609, 610, 612, 613, 614, 615, 616, 618, 619, 620, 623, 626,
    628, 629, 630, 631, 636, 639, 640, 641, 646, 647, 650, 651, 656, 657, 659, 660, 661, 662, 667, 669, 672, 678, 680,
    681, 682, 689, 701, 702, 703, 704, 705, 706, 707, 708, 709, 712, 713, 714, 715, 716, 717, 718, 719, 720, 724, 725,
    726, 727, 731, 732, 734, 737, 740, 743, 747, 754, 757, 760, 762, 763, 765, 769, 770, 772, 773, 774, 775, 778, 779,
    780, 781, 782, 785, 786, 801, 802, 803, 804, 805, 806, 807, 808, 810, 812, 813, 814, 815, 816, 817, 818, 819, 820,
    825, 828, 830, 831, 832, 838, 839, 840, 843, 845, 847, 848, 850, 854, 856, 857, 858, 859, 860, 862, 863, 864, 865,
    867, 870, 872, 873, 878, 901, 902, 903, 904, 905, 906, 907, 908, 909, 910, 912, 913, 914, 915, 916, 917, 918, 919,
    920, 925, 928, 929, 930, 931, 934, 936, 937, 938, 940, 941, 943, 945, 947, 948, 949, 951, 952, 954, 956, 959, 970,
    971, 972, 973, 978, 979, 980, 984, 985, 986, 989,
];

/// Prefixes of 1,000 numbers each. The mobile prefix is first, because most business numbers are mobile.
const BRITISH_PREFIXES: [&str; 18] = [
    "+44 7700 900",
    "+44 20 7946 0",
    "+44 113 496 0",
    "+44 114 496 0",
    "+44 115 496 0",
    "+44 116 496 0",
    "+44 117 496 0",
    "+44 118 496 0",
    "+44 121 496 0",
    "+44 131 496 0",
    "+44 141 496 0",
    "+44 151 496 0",
    "+44 161 496 0",
    "+44 191 498 0",
    "+44 28 9649 6",
    "+44 29 2018 0",
    "+44 1632 960",
    "+44 3069 990",
];

/// Prefixes of 10,000 numbers each.
const FRENCH_PREFIXES: [&str; 6] =
    ["+33 6 39 98", "+33 1 99 00", "+33 2 61 91", "+33 3 53 01", "+33 4 65 71", "+33 5 36 49"];

/// Prefixes of 1,000 numbers each.
const GERMAN_PREFIXES: [&str; 5] = ["+49 30 23125", "+49 40 66969", "+49 69 90009", "+49 89 99998", "+49 221 4710"];

/// Prefixes of 10,000 numbers each.
const AUSTRALIAN_PREFIXES: [&str; 8] =
    ["+61 2 5550", "+61 3 5550", "+61 7 5550", "+61 8 5550", "+61 2 7010", "+61 3 7010", "+61 7 7010", "+61 8 7010"];

impl Region {
    /// The display number in a slot of this region. Different slots give different numbers, until the ranges of the
    /// region are exhausted and repeat. `shift` changes the order of the numbers.
    pub(super) fn display_number(self, slot: usize, shift: usize) -> String {
        match self {
            Self::NorthAmerica => {
                let (area, row) = (slot % AREA_CODES.len(), slot / AREA_CODES.len());
                format!("+1 {}-555-01{:02}", AREA_CODES[area], scatter(row, 100, shift + area * 13))
            }
            Self::Britain => {
                let prefix = BRITISH_PREFIXES[slot / 1_000 % BRITISH_PREFIXES.len()];
                format!("{prefix}{:03}", scatter(slot % 1_000, 1_000, shift))
            }
            Self::France => {
                let (prefix, suffix) = prefix_and_suffix(&FRENCH_PREFIXES, slot, shift);
                format!("{prefix} {:02} {:02}", suffix / 100, suffix % 100)
            }
            Self::Germany => {
                let (prefix, row) = (slot % GERMAN_PREFIXES.len(), slot / GERMAN_PREFIXES.len());
                format!("{} {:03}", GERMAN_PREFIXES[prefix], scatter(row, 1_000, shift + prefix * 130))
            }
            Self::Australia => {
                let (prefix, suffix) = prefix_and_suffix(&AUSTRALIAN_PREFIXES, slot, shift);
                format!("{prefix} {suffix:04}")
            }
        }
    }

    /// The two-letter country code, and the dialing code.
    pub(super) const fn country(self) -> (&'static str, &'static str) {
        match self {
            Self::NorthAmerica => ("US", "1"),
            Self::Britain => ("GB", "44"),
            Self::France => ("FR", "33"),
            Self::Germany => ("DE", "49"),
            Self::Australia => ("AU", "61"),
        }
    }
}

/// A prefix of 10,000 numbers, and the suffix of the number in a slot.
fn prefix_and_suffix<'a>(prefixes: &[&'a str], slot: usize, shift: usize) -> (&'a str, usize) {
    let (prefix, row) = (slot % prefixes.len(), slot / prefixes.len());
    (prefixes[prefix], scatter(row, 10_000, shift + prefix * 1_300))
}

/// Reorders `0..size`, so that adjacent numbers of a list are not consecutive. 617 is coprime to every power of ten, so
/// each value occurs once.
const fn scatter(row: usize, size: usize, shift: usize) -> usize {
    (row * 617 + shift) % size
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn display_numbers_have_the_format_of_graph() {
        let first = |region: Region| region.display_number(0, 43);
        assert_eq!(first(Region::NorthAmerica), "+1 212-555-0143");
        assert_eq!(first(Region::Britain), "+44 7700 900043");
        assert_eq!(first(Region::France), "+33 6 39 98 00 43");
        assert_eq!(first(Region::Germany), "+49 30 23125 043");
        assert_eq!(first(Region::Australia), "+61 2 5550 0043");
    }

    #[test]
    fn no_number_repeats_before_its_ranges_are_exhausted() {
        let sizes = [
            (Region::NorthAmerica, 37_800),
            (Region::Britain, 18_000),
            (Region::France, 60_000),
            (Region::Germany, 5_000),
            (Region::Australia, 80_000),
        ];
        for (region, size) in sizes {
            let unique: HashSet<String> = (0..size).map(|slot| region.display_number(slot, 7)).collect();
            assert_eq!(unique.len(), size, "{region:?}");
        }
    }
}

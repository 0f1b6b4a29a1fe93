//! Generates the simulated numbers: every attribute of a number follows from the seed and the index of the number.
//!
//! It stores nothing for each number, so that 100,000 numbers need no memory and no time at the start. It does not
//! track changes; the world does.

use std::borrow::Cow;
use std::ops::Range;

use super::number_ranges::Region;
use crate::domain::number::Waba;
use crate::domain::pin::PIN_DIGITS;
use crate::domain::text::CleanText;
use crate::simulator::demo_rows::{DemoRow, demo_row};
use crate::simulator::splitmix::splitmix64;

const FIRST_WABA_ID: u64 = 100_000_000_000_001;
const FIRST_NUMBER_ID: u64 = 200_000_000_000_001;

/// The lowest area code of the generated numbers, and one that none of them has.
const LOWEST_AREA: &str = "+1 201-";
const SPARE_AREA: &str = "+1 369-";

/// Every number whose position is a multiple of this is not registered: rare, and easy to name in a test.
const UNREGISTERED_EVERY: usize = 250;

struct WabaRow {
    short_name: &'static str,
    name: &'static str,
    region: Region,
    /// Its share of all numbers. The shares differ, as in reality, and 100,000 numbers do not exhaust any region.
    percent: usize,
}

const WABAS: [WabaRow; 7] = [
    WabaRow { short_name: "us-retail", name: "Acme Retail US", region: Region::NorthAmerica, percent: 28 },
    WabaRow { short_name: "uk-retail", name: "Acme Retail UK", region: Region::Britain, percent: 17 },
    WabaRow { short_name: "fr-boutiques", name: "Acme Boutiques France", region: Region::France, percent: 18 },
    WabaRow { short_name: "au-stores", name: "Globex Stores Australia", region: Region::Australia, percent: 26 },
    WabaRow { short_name: "us-support", name: "Acme Support Americas", region: Region::NorthAmerica, percent: 6 },
    WabaRow { short_name: "de-filialen", name: "Acme Bäckereien Süd", region: Region::Germany, percent: 4 },
    WabaRow { short_name: "uk-franchise", name: "Acme Franchise Trust", region: Region::Britain, percent: 1 },
];

/// How many numbers each WABA of a world has.
pub type WabaSizes = [usize; WABAS.len()];

/// The WABAs of every simulated world, with short names for a config.
#[must_use]
pub fn wabas() -> Vec<Waba> {
    let waba = |(index, row): (usize, &WabaRow)| {
        Some(Waba { id: format_id(FIRST_WABA_ID, index).parse().ok()?, name: Some(CleanText::new(row.short_name)) })
    };
    WABAS.iter().enumerate().filter_map(waba).collect()
}

/// The index of the WABA with this ID.
pub(super) fn find_waba(id: &str) -> Option<usize> {
    index_of_id(id, FIRST_WABA_ID, WABAS.len())
}

pub(super) fn number_id(index: usize) -> String {
    format_id(FIRST_NUMBER_ID, index)
}

pub(super) fn waba_id(waba: usize) -> String {
    format_id(FIRST_WABA_ID, waba)
}

pub(super) const fn waba_name(waba: usize) -> &'static str {
    WABAS[waba].name
}

pub(super) const fn waba_count() -> usize {
    WABAS.len()
}

pub(super) const fn region(waba: usize) -> Region {
    WABAS[waba].region
}

/// True if the number is registered at the start of the world.
pub(super) const fn is_initially_registered(index: usize) -> bool {
    !(index + 1).is_multiple_of(UNREGISTERED_EVERY)
}

fn format_id(first: u64, index: usize) -> String {
    (first + index as u64).to_string()
}

/// The attribute of a number for which bits are drawn, so that attributes are independent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attribute {
    Name = 1,
    PlaceName,
    UnusualName,
    TwoStep,
    Pin,
    Status,
    Quality,
    CodeVerification,
    NameStatus,
    AccountMode,
    Throughput,
    Tier,
    Official,
    Onboarded,
    Certificate,
}

/// The part of a world that never changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorldGenerator {
    seed: u64,
    numbers: usize,
    /// How many numbers each WABA has; `None` for its share of all numbers.
    waba_sizes: Option<WabaSizes>,
    /// True if the first numbers are those of the demo.
    has_demo_rows: bool,
}

impl WorldGenerator {
    pub(super) const fn new(seed: u64, numbers: usize) -> Self {
        Self { seed, numbers, waba_sizes: None, has_demo_rows: false }
    }

    /// A world whose WABAs have these sizes.
    pub(super) fn with_waba_sizes(self, sizes: WabaSizes) -> Self {
        Self { numbers: sizes.iter().sum(), waba_sizes: Some(sizes), ..self }
    }

    /// The same world, with the numbers of the demo in place of its first ones.
    pub(super) const fn with_demo_rows(self, has_demo_rows: bool) -> Self {
        Self { has_demo_rows, ..self }
    }

    fn demo_row(self, index: usize) -> Option<&'static DemoRow> {
        demo_row(index).filter(|_| self.has_demo_rows)
    }

    /// The index of the number with this ID.
    pub(super) fn find_number(self, id: &str) -> Option<usize> {
        index_of_id(id, FIRST_NUMBER_ID, self.numbers)
    }

    /// The indexes of the numbers of a WABA.
    pub(super) fn numbers_of(self, waba: usize) -> Range<usize> {
        if let Some(sizes) = self.waba_sizes {
            let start: usize = sizes[..waba].iter().sum();
            return start..start + sizes[waba];
        }
        let before: usize = WABAS[..waba].iter().map(|row| row.percent).sum();
        let end = |percent: usize| (self.numbers * percent).div_ceil(100);
        end(before)..end(before + WABAS[waba].percent)
    }

    pub(super) fn waba_of(self, index: usize) -> usize {
        (0..WABAS.len()).find(|waba| self.numbers_of(*waba).contains(&index)).unwrap_or_default()
    }

    /// The PIN at the start of the world, if any.
    pub(super) fn initial_pin(self, index: usize) -> Option<[u8; PIN_DIGITS]> {
        (self.initial_two_step(index) == Some(true)).then(|| {
            let mut digits = self.draw(index, Attribute::Pin);
            std::array::from_fn(|_| {
                let digit = (digits % 10) as u8;
                digits /= 10;
                b'0' + digit
            })
        })
    }

    /// The value of `is_pin_enabled` at the start of the world; `None` for one number in 20.
    pub(super) fn initial_two_step(self, index: usize) -> Option<bool> {
        if let Some(row) = self.demo_row(index) {
            return Some(row.is_on);
        }
        if !is_initially_registered(index) {
            return Some(false);
        }
        self.pick(index, Attribute::TwoStep, &[(62, Some(true)), (33, Some(false)), (5, None)])
    }

    pub(super) fn display_number(self, index: usize, waba: usize) -> String {
        let region = WABAS[waba].region;
        let same_region = (0..waba).filter(|other| WABAS[*other].region == region);
        let before: usize = same_region.map(|other| self.numbers_of(other).len()).sum();
        let slot = before + index - self.numbers_of(waba).start;
        let number = region.display_number(slot, (self.seed % 1_000) as usize);
        if !self.has_demo_rows {
            return number;
        }
        // The list is sorted by number, and the numbers of the demo come first: they have the lowest area code alone.
        match self.demo_row(index) {
            Some(_) => format!("{LOWEST_AREA}555-01{index:02}"),
            None => number.replacen(LOWEST_AREA, SPARE_AREA, 1),
        }
    }

    /// A simulated business name. One in 25 is not plain ASCII, and one in 300 contains terminal control sequences or
    /// similar attacks.
    pub(super) fn verified_name(self, index: usize) -> Cow<'static, str> {
        let demo_row = self.demo_row(index);
        if let Some(name) = demo_row.and_then(|row| row.name) {
            return Cow::Borrowed(name);
        }
        let draw = if demo_row.is_some() { 1 } else { self.draw(index, Attribute::UnusualName) };
        if draw.is_multiple_of(300) {
            return Cow::Borrowed(one_of(&HOSTILE_NAMES, draw / 300));
        }
        if draw.is_multiple_of(25) {
            return Cow::Borrowed(one_of(&UNUSUAL_NAMES, draw / 300));
        }
        let name = one_of(&BUSINESS_NAMES, self.draw(index, Attribute::Name));
        let place = one_of(&PLACE_NAMES, self.draw(index, Attribute::PlaceName));
        Cow::Owned(format!("{name} {place}"))
    }

    /// Picks one of the choices, with a probability in proportion to its weight.
    /// The numbers of the demo get the first choice.
    pub(super) fn pick<T: Copy>(self, index: usize, attribute: Attribute, choices: &[(u64, T)]) -> T {
        if self.demo_row(index).is_some() {
            return choices[0].1;
        }
        let total: u64 = choices.iter().map(|(weight, _)| weight).sum();
        let mut draw = self.draw(index, attribute) % total;
        for (weight, choice) in choices {
            if draw < *weight {
                return *choice;
            }
            draw -= weight;
        }
        choices[0].1
    }

    /// 64 bits that depend only on the seed, the number and the attribute.
    pub(super) fn draw(self, index: usize, attribute: Attribute) -> u64 {
        splitmix64(self.seed ^ splitmix64((index as u64) << 8 | attribute as u64))
    }
}

fn index_of_id(id: &str, first: u64, count: usize) -> Option<usize> {
    // Compares the text again, because `+200…1` and `0200…1` parse too, but are different IDs.
    let index = id.parse::<u64>().ok().filter(|parsed| parsed.to_string() == id)?.checked_sub(first)?;
    usize::try_from(index).ok().filter(|index| *index < count)
}

fn one_of(texts: &[&'static str], draw: u64) -> &'static str {
    texts[usize::try_from(draw % texts.len() as u64).unwrap_or_default()]
}

const BUSINESS_NAMES: [&str; 20] = [
    "Acme Retail",
    "Acme Repairs",
    "Acme Grocers",
    "Globex",
    "Globex Travel",
    "Initech",
    "Umbrella Florists",
    "Hooli Bikes",
    "Soylent Kitchen",
    "Stark Lighting",
    "Wayne Interiors",
    "Wonka Sweets",
    "Vandelay Imports",
    "Gringott Savings",
    "Duff Beverages",
    "Cyberdyne Phones",
    "Tyrell Optics",
    "Oceanic Tours",
    "Pied Piper Music",
    "Bluth Homes",
];

const PLACE_NAMES: [&str; 20] = [
    "Central",
    "North",
    "South",
    "East",
    "West",
    "Harbour",
    "Station",
    "Market Square",
    "Airport",
    "Old Town",
    "Riverside",
    "Hillside",
    "Park Lane",
    "Mill Road",
    "University",
    "Outlet",
    "Warehouse",
    "Returns Desk",
    "Customer Care",
    "Deliveries",
];

/// Harmless names that are hard to align: wide, combining and right-to-left characters, and emoji.
const UNUSUAL_NAMES: [&str; 12] = [
    "Bäckerei Öz",
    "株式会社アクメ",
    "مخبز السلام",
    "Cafe\u{301} Cre\u{300}me",
    "Ακμή Λιανική",
    "Акме Розница",
    "애크미 상점",
    "חנות אקמה",
    "Acme 🍞 Bread",
    "अक्मे स्टोर",
    "Łódź Ogród",
    "The Exceedingly Long Name of the Acme Retail & Wholesale Trading Company of the Lower Harbour",
];

/// Names that would move the cursor, change colors or reverse the text direction if a terminal got them unchanged.
const HOSTILE_NAMES: [&str; 8] = [
    "Acme\x1b[2J\x1b[HSUCCESS",
    "Globex\r\nPIN set",
    "Acme \u{202e}kcab",
    "Zero\u{200b}Width",
    "Bell\x07 Foundry",
    "Acme\u{9b}31m Red",
    "=HYPERLINK(\"https://example.invalid\",\"Acme\")",
    "Tag\u{e0041}\u{e0042} Shop",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_belongs_to_exactly_one_waba() {
        for numbers in [0, 1, 3, 25, 12_408, 100_000] {
            let generator = WorldGenerator::new(1, numbers);
            let covered: usize = (0..WABAS.len()).map(|waba| generator.numbers_of(waba).len()).sum();
            assert_eq!(covered, numbers);
            assert_eq!(generator.numbers_of(WABAS.len() - 1).end, numbers);
        }
        assert_eq!(WorldGenerator::new(1, 1).numbers_of(0), 0..1);
    }

    #[test]
    fn a_waba_has_the_size_that_is_asked_for() {
        let generator = WorldGenerator::new(1, 0).with_waba_sizes([9_000, 0, 5, 0, 0, 0, 1]);
        let sizes: Vec<_> = (0..WABAS.len()).map(|waba| generator.numbers_of(waba)).collect();
        let end = 9_005;
        assert_eq!(sizes, [0..9_000, 9_000..9_000, 9_000..end, end..end, end..end, end..end, end..9_006]);
        assert_eq!([0, 8_999, 9_000, 9_005].map(|index| generator.waba_of(index)), [0, 0, 2, 6]);
    }

    #[test]
    fn display_numbers_are_unique_up_to_100_000_numbers() {
        let generator = WorldGenerator::new(5, 100_000);
        let unique: HashSet<String> =
            (0..100_000).map(|index| generator.display_number(index, generator.waba_of(index))).collect();
        assert_eq!(unique.len(), 100_000);
    }

    #[test]
    fn only_the_exact_spelling_of_an_id_is_found() {
        let generator = WorldGenerator::new(1, 10);
        assert_eq!(number_id(0), "200000000000001");
        assert_eq!(generator.find_number("200000000000010"), Some(9));
        for text in ["200000000000011", "200000000000000", "+200000000000001", "0200000000000001", "", "x"] {
            assert_eq!(generator.find_number(text), None, "{text}");
        }
        let first = wabas().remove(0);
        assert_eq!((first.id.as_str(), first.label()), ("100000000000001", "us-retail"));
    }

    #[test]
    fn the_demo_world_has_every_interesting_state() {
        let generator = WorldGenerator::new(1, 12_408);
        let states: HashSet<Option<bool>> = (0..12_408).map(|index| generator.initial_two_step(index)).collect();
        assert_eq!(states, HashSet::from([Some(true), Some(false), None]));
        let names: HashSet<String> = (0..12_408).map(|index| generator.verified_name(index).into_owned()).collect();
        for name in UNUSUAL_NAMES.iter().chain(&HOSTILE_NAMES) {
            assert!(names.contains(*name), "{name:?}");
        }
        assert!(!is_initially_registered(249));
    }

    #[test]
    fn the_rows_of_the_demo_come_first_and_keep_numbers_unique() {
        for numbers in [0, 2, 5, 60, 12_408] {
            let generator = WorldGenerator::new(1, numbers).with_demo_rows(true);
            let displayed = |index| generator.display_number(index, generator.waba_of(index));
            let mut sorted: Vec<(String, usize)> = (0..numbers).map(|index| (displayed(index), index)).collect();
            sorted.sort_unstable();
            let first: Vec<usize> = sorted.iter().map(|(_, index)| *index).take(8).collect();
            assert_eq!(first, (0..numbers.min(8)).collect::<Vec<_>>(), "{numbers} numbers");
            sorted.dedup_by(|(number, _), (other, _)| number == other);
            assert_eq!(sorted.len(), numbers);
        }
        let generator = WorldGenerator::new(1, 12_408).with_demo_rows(true);
        assert_eq!((generator.initial_two_step(0), generator.verified_name(0).is_ascii()), (Some(false), true));
        assert_eq!(generator.verified_name(4), "Silent Ltd (no answer)");
    }

    #[test]
    fn a_number_has_a_pin_exactly_if_two_step_is_on() {
        let generator = WorldGenerator::new(1, 500);
        for index in 0..500 {
            assert_eq!(generator.initial_pin(index).is_some(), generator.initial_two_step(index) == Some(true));
        }
    }
}

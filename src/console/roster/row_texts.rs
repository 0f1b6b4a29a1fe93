//! The name and the display number of each row, in one text that a filter searches in one pass.
//!
//! Nothing is stored twice: the name is in lower case with a bit for each capital letter, and the display number is its
//! digits with what they have in common with other numbers, such as `+1 000-000-0000`. A text that these do not restore
//! exactly is kept as it is. This module does not know which rows are visible.

use hashbrown::HashMap;

use super::gallop::gallop;
use super::value_table::ValueTable;
use crate::domain::digits::ascii_digit;
use crate::domain::number::{Number, PhoneNumberId};
use crate::domain::text::CleanText;

/// How many letters of a name are stored with their case: one bit each.
const MAX_CASED_LETTERS: usize = u64::BITS as usize;

/// The texts of all rows. The text of a row changes only in [`RowTexts::rebuild`].
#[derive(Debug, Default)]
pub(super) struct RowTexts {
    /// For each row, in the order of the slots: name, line break, digits of the number, line break; all in lower case.
    /// A cleaned text contains no line break, so nothing matches across two of them.
    search_text: String,
    rows: Vec<RowText>,
    forms: ValueTable<TextForm>,
    /// The texts that the search text does not restore, or does not have yet.
    exact: HashMap<u32, ExactTexts>,
    is_stale: bool,
}

/// Where the texts of a row are.
#[derive(Debug, Clone, Copy)]
struct RowText {
    /// The end of the row in the search text, as a byte offset.
    end: u32,
    /// The index of its form.
    form: u32,
    /// The letters of the name that are capital, the first one in the lowest bit. Letters are those of the lower case.
    capitals: u64,
}

/// What the texts of many rows have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TextForm {
    has_name: bool,
    /// The display number with a zero for each digit.
    display: Option<Box<str>>,
}

#[derive(Debug, Clone)]
struct ExactTexts {
    name: Option<CleanText>,
    display: Option<CleanText>,
}

impl RowTexts {
    /// Adds the texts of a new row. It copies them, because shared ones would keep the memory of the received page alive.
    pub(super) fn push(&mut self, number: &Number) {
        let slot = to_u32(self.rows.len());
        self.push_texts(slot, &number.id, number.name.as_ref(), number.display_number.as_ref());
    }

    fn push_texts(&mut self, slot: u32, id: &PhoneNumberId, name: Option<&CleanText>, display: Option<&CleanText>) {
        let start = self.search_text.len();
        push_lower(&mut self.search_text, name.map_or("", CleanText::as_str));
        let capitals = name.map_or(Some(0), |name| capitals_of(name, &self.search_text[start..]));
        self.search_text.push('\n');
        self.search_text.extend(display.map_or(id.as_str(), CleanText::as_str).chars().filter_map(ascii_digit));
        self.search_text.push('\n');
        let zeros = |text: &CleanText| text.as_str().replace(|c: char| c.is_ascii_digit(), "0").into_boxed_str();
        let is_exact = display.is_none_or(is_unchanged) && capitals.is_some();
        let form = TextForm { has_name: name.is_some(), display: display.filter(|_| is_exact).map(zeros) };
        let form = self.forms.insert(&form);
        self.rows.push(RowText { end: to_u32(self.search_text.len()), form, capitals: capitals.unwrap_or_default() });
        if !is_exact {
            self.exact.insert(slot, ExactTexts { name: name.cloned(), display: display.cloned() });
        }
    }

    /// The name of a row.
    pub(super) fn name(&self, slot: u32) -> Option<CleanText> {
        if let Some(exact) = self.exact(slot) {
            return exact.name.clone();
        }
        let row = self.rows[slot as usize];
        let restored = || CleanText::new(&with_capitals(self.lower_name(slot), row.capitals));
        self.forms.get(row.form).has_name.then(restored)
    }

    /// The display number of a row.
    pub(super) fn display_number(&self, slot: u32) -> Option<CleanText> {
        if let Some(exact) = self.exact(slot) {
            return exact.display.clone();
        }
        let form = self.forms.get(self.rows[slot as usize].form).display.as_deref()?;
        let mut digits = self.digits(slot).chars();
        let restored: String = form.chars().map(|c| if c == '0' { digits.next().unwrap_or(c) } else { c }).collect();
        Some(CleanText::new(&restored))
    }

    /// True if a row has a name.
    pub(super) fn has_name(&self, slot: u32) -> bool {
        match self.exact(slot) {
            Some(exact) => exact.name.is_some(),
            None => self.forms.get(self.rows[slot as usize].form).has_name,
        }
    }

    fn exact(&self, slot: u32) -> Option<&ExactTexts> {
        if self.exact.is_empty() { None } else { self.exact.get(&slot) }
    }

    /// Replaces the texts of a row. The search text has them only after [`RowTexts::rebuild`].
    pub(super) fn replace(&mut self, slot: u32, number: &Number) {
        let texts = ExactTexts { name: number.name.clone(), display: number.display_number.clone() };
        self.exact.insert(slot, texts);
        self.is_stale = true;
    }

    /// Brings the search text up to date. `id` returns the ID of a row.
    pub(super) fn rebuild(&mut self, id: impl Fn(u32) -> PhoneNumberId) {
        if !self.is_stale {
            return;
        }
        let old = std::mem::take(self);
        self.forms = old.forms;
        self.search_text.reserve(old.search_text.len());
        self.rows.reserve_exact(old.rows.len());
        let mut start = 0;
        for (slot, row) in (0..).zip(&old.rows) {
            let end = row.end as usize;
            if let Some(ExactTexts { name, display }) = old.exact.get(&slot) {
                self.push_texts(slot, &id(slot), name.as_ref(), display.as_ref());
            } else {
                self.search_text.push_str(&old.search_text[start..end]);
                self.rows.push(RowText { end: to_u32(self.search_text.len()), ..*row });
            }
            start = end;
        }
    }

    /// Removes rows. The slot of each later row decreases by the number of removed rows before it.
    pub(super) fn remove(&mut self, sorted_slots: &[u32]) {
        let is_removed = |slot: u32| sorted_slots.binary_search(&slot);
        let old = std::mem::take(&mut self.search_text);
        self.search_text.reserve(old.len());
        let (mut slot, mut start) = (0, 0);
        let search_text = &mut self.search_text;
        self.rows.retain_mut(|row| {
            let (from, is_kept) = (start, is_removed(slot).is_err());
            (slot, start) = (slot + 1, row.end as usize);
            if is_kept {
                search_text.push_str(&old[from..start]);
                row.end = to_u32(search_text.len());
            }
            is_kept
        });
        let exact = std::mem::take(&mut self.exact);
        let moved = exact.into_iter().filter_map(|(slot, texts)| {
            let before = is_removed(slot).err()?;
            Some((slot - to_u32(before), texts))
        });
        self.exact = moved.collect();
        self.forms.keep_used(self.rows.iter_mut().map(|row| &mut row.form));
    }

    /// Releases unused capacity, but not that of large arrays, which would be copied.
    pub(super) fn shrink(&mut self) {
        self.exact.shrink_to_fit();
    }

    pub(super) fn search_text(&self) -> &str {
        &self.search_text
    }

    /// The search text of a row: the name in lower case, and the digits of the number.
    fn row_text(&self, slot: u32) -> (&str, &str) {
        let slot = slot as usize;
        let from = if slot == 0 { 0 } else { self.rows[slot - 1].end as usize };
        let text = self.search_text.get(from..self.rows[slot].end as usize);
        text.and_then(|text| text.strip_suffix('\n')?.split_once('\n')).unwrap_or_default()
    }

    /// The name in lower case.
    pub(super) fn lower_name(&self, slot: u32) -> &str {
        self.row_text(slot).0
    }

    /// The digits of the display number, or of the ID if there is none.
    pub(super) fn digits(&self, slot: u32) -> &str {
        self.row_text(slot).1
    }

    /// True if the digits of a row end with these. Only the end of its text is looked at, because a filter of one digit
    /// asks for nearly every row.
    pub(super) fn has_last_digits(&self, slot: u32, digits: &str) -> bool {
        let end = self.rows[slot as usize].end as usize;
        self.search_text.get(..end).and_then(|text| text.strip_suffix('\n')).is_some_and(|text| text.ends_with(digits))
    }

    /// The slot whose text contains a byte offset, and the end of that text. The search starts at the slot `from`.
    pub(super) fn slot_at_offset(&self, offset: usize, from: usize) -> Option<(usize, usize)> {
        let slot = from + gallop(&self.rows[from..], |row| row.end as usize <= offset);
        self.rows.get(slot).map(|row| (slot, row.end as usize))
    }
}

/// Slots and text offsets fit in 32 bits up to 4 GB of names. A larger roster does not fit in memory; if it did, a
/// filter would not find the rows after that.
pub(super) fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// True for a text that is shown as it came.
fn is_unchanged(text: &CleanText) -> bool {
    text.as_str() == text.original()
}

/// The capital letters of a name, of which this is the lower case; `None` if the two do not restore it.
fn capitals_of(name: &CleanText, lower: &str) -> Option<u64> {
    let mut capitals = 0;
    let mut letters = 0;
    for c in name.as_str().chars() {
        let lower = c.to_lowercase();
        let is_capital = !lower.clone().eq([c]);
        if is_capital && letters < MAX_CASED_LETTERS {
            capitals |= 1 << letters;
        }
        letters += lower.count();
    }
    let is_restored = is_unchanged(name) && with_capitals(lower, capitals) == name.as_str();
    is_restored.then_some(capitals)
}

/// A lower-case text with these letters in upper case.
fn with_capitals(lower: &str, capitals: u64) -> String {
    let mut out = String::with_capacity(lower.len());
    for (at, c) in lower.chars().enumerate() {
        if at < MAX_CASED_LETTERS && capitals >> at & 1 == 1 {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// Appends a text in lower case, letter by letter. The result for a letter must not depend on its neighbors (as for a
/// Greek sigma at the end of a word), otherwise a filter would not find part of a word.
fn push_lower(out: &mut String, text: &str) {
    out.extend(text.chars().flat_map(char::to_lowercase));
}

/// The text in lower case, as [`RowTexts`] stores it.
pub(super) fn to_lower(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_lower(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Texts = (Option<String>, Option<String>);

    fn number(index: usize, (name, display): &Texts) -> Number {
        let id = format!("{}", 1_000 + index).parse().expect("an id");
        let mut number = Number::from_config(id, name.as_deref().map(CleanText::new));
        number.display_number = display.as_deref().map(|text| CleanText::new(text).without_outer_marks());
        number
    }

    /// The texts of a number, with those that are not shown.
    fn texts_of(number: &Number) -> [Option<(String, String)>; 2] {
        [&number.name, &number.display_number]
            .map(|text| text.as_ref().map(|text| (text.as_str().to_owned(), text.original().to_owned())))
    }

    fn stored_texts(texts: &RowTexts, slot: u32) -> [Option<(String, String)>; 2] {
        let mut number = number(0, &(None, None));
        (number.name, number.display_number) = (texts.name(slot), texts.display_number(slot));
        texts_of(&number)
    }

    fn any_texts() -> impl Strategy<Value = Texts> {
        let name = prop_oneof![
            4 => "[A-Za-z ]{0,30}",
            2 => "[A-Za-zÄÖÜäöüßŒœΩωΣσςЖжİıǅ 0-9]{0,20}",
            1 => "\\PC{0,80}",
            1 => ".{0,10}",
        ];
        let display =
            prop_oneof![4 => "\\+[0-9]{1,3} [0-9]{3}-[0-9]{4}", 1 => "\u{202a}\\+[0-9 ]{3,8}\u{202c}", 1 => ".{0,8}"];
        (prop::option::weighted(0.9, name), prop::option::weighted(0.9, display))
    }

    /// The search text of a row, as a reader of the module header would write it.
    fn expected_search_text(number: &Number) -> String {
        let name = number.name.as_ref().map_or("", CleanText::as_str);
        let name: String = name.chars().flat_map(char::to_lowercase).collect();
        let digits: String = number.label().chars().filter(char::is_ascii_digit).collect();
        format!("{name}\n{digits}\n")
    }

    proptest! {
        #[test]
        fn every_text_is_restored_exactly(
            rows in prop::collection::vec(any_texts(), 1..12),
            replaced in prop::collection::vec((0usize..12, any_texts()), 0..4),
            removed in prop::collection::btree_set(0u32..12, 0..4),
        ) {
            let mut numbers: Vec<Number> = rows.iter().enumerate().map(|(index, row)| number(index, row)).collect();
            let mut texts = RowTexts::default();
            for number in &numbers {
                texts.push(number);
            }
            for (index, row) in &replaced {
                let Some(known) = numbers.get_mut(*index) else { continue };
                *known = number(*index, row);
                texts.replace(to_u32(*index), known);
            }
            let read = |texts: &RowTexts, count: usize| -> Vec<_> {
                (0..to_u32(count)).map(|slot| stored_texts(texts, slot)).collect()
            };
            prop_assert_eq!(read(&texts, numbers.len()), numbers.iter().map(texts_of).collect::<Vec<_>>());
            let removed: Vec<u32> = removed.into_iter().filter(|slot| (*slot as usize) < numbers.len()).collect();
            texts.remove(&removed);
            for slot in removed.iter().rev() {
                numbers.remove(*slot as usize);
            }
            texts.rebuild(|slot| numbers[slot as usize].id);
            prop_assert_eq!(read(&texts, numbers.len()), numbers.iter().map(texts_of).collect::<Vec<_>>());
            let expected: String = numbers.iter().map(expected_search_text).collect();
            prop_assert_eq!(texts.search_text(), expected);
        }
    }

    #[test]
    fn usual_texts_are_stored_once() {
        let mut texts = RowTexts::default();
        for (index, name) in ["Acme Grocers Hillside", "Омега Сервис", "Ängström & Söhne", "ΣΙΣΥΦΟΣ"].iter().enumerate()
        {
            let display = format!("+1 201-555-{:04}", 140 + index);
            texts.push(&number(index, &(Some((*name).to_owned()), Some(display))));
        }
        assert_eq!((texts.exact.len(), texts.forms.values().len()), (0, 1));
        assert_eq!(size_of::<RowText>(), 16, "there are 100,000 of them");
    }
}

//! A set of slots, with one bit for each: 100,000 of them take 12 KB.
//!
//! It does not know what a slot is of.

/// The number of bits in a word.
const WORD_BITS: u32 = u64::BITS;

/// A set of slots.
#[derive(Debug, Clone, Default)]
pub(super) struct SlotSet {
    words: Vec<u64>,
    len: usize,
}

/// The word of a slot, and its bit in that.
const fn position(slot: u32) -> (usize, u64) {
    ((slot / WORD_BITS) as usize, 1 << (slot % WORD_BITS))
}

impl SlotSet {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn contains(&self, slot: u32) -> bool {
        let (word, bit) = position(slot);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn insert(&mut self, slot: u32) {
        if !self.contains(slot) {
            self.toggle(slot);
        }
    }

    /// Adds a slot that is not in the set, and removes one that is.
    pub(super) fn toggle(&mut self, slot: u32) {
        let (word, bit) = position(slot);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] ^= bit;
        if self.words[word] & bit == 0 {
            self.len -= 1;
        } else {
            self.len += 1;
        }
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.words).flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(index * WORD_BITS + bit)
            })
        })
    }

    /// The set with other slots; without those that have none.
    pub(super) fn map(&self, new_slot: impl Fn(u32) -> Option<u32>) -> Self {
        let mut mapped = Self::default();
        self.iter().filter_map(new_slot).for_each(|slot| mapped.insert(slot));
        mapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_each_slot_once_in_order() {
        let mut set = SlotSet::default();
        for slot in [130, 0, 63, 64, 63, 127] {
            set.insert(slot);
        }
        set.toggle(64);
        set.toggle(65);
        assert_eq!((set.iter().collect::<Vec<_>>(), set.len()), (vec![0, 63, 65, 127, 130], 5));
        let is_in: Vec<u32> = (0..200).filter(|slot| set.contains(*slot)).collect();
        assert_eq!(is_in, [0, 63, 65, 127, 130]);
        let mapped = set.map(|slot| (slot != 63).then(|| slot.saturating_sub(1)));
        assert_eq!((mapped.iter().collect::<Vec<_>>(), mapped.len()), (vec![0, 64, 126, 129], 4));
    }
}

//! What is selected, in counts: which two-step status, which WABA, how many the filter hides.
//!
//! It is made from all rows at once, and is right until one of them changes.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::console::roster::Roster;
use crate::console::roster::row_store::TwoStepCounts;
use crate::domain::number::{PhoneNumberId, Waba, WabaId};

/// How many hidden numbers are named. A pane has no room for more.
const MAX_NAMED_HIDDEN: usize = 8;

/// How many selected numbers a WABA has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WabaCount {
    /// The WABA; `None` for numbers that no WABA lists.
    pub waba: Option<Arc<Waba>>,
    /// At least one.
    pub numbers: usize,
}

/// What is selected, in counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectionSummary {
    /// How many have which two-step status.
    pub two_step: TwoStepCounts,
    /// How many each WABA has, the largest count first.
    pub wabas: Vec<WabaCount>,
    /// How many have a change that is running or in doubt.
    pub open: usize,
    /// How many the filter hides.
    pub hidden: usize,
    /// The first of those, in the order of the list: at most 8.
    pub named_hidden: Vec<PhoneNumberId>,
}

impl SelectionSummary {
    pub(super) fn of(roster: &Roster) -> Self {
        let Roster { store, selection, visible, order, .. } = roster;
        let selected = &selection.selected;
        let mut summary = Self::default();
        let mut wabas: HashMap<Option<WabaId>, WabaCount> = HashMap::new();
        for slot in selected.iter() {
            let waba = store.waba(slot);
            *summary.two_step.count_mut(store.two_step(slot)) += 1;
            let count = wabas.entry(waba.map(|waba| waba.id));
            count.or_insert_with(|| WabaCount { waba: waba.cloned(), numbers: 0 }).numbers += 1;
        }
        summary.wabas = wabas.into_values().collect();
        summary.wabas.sort_by_cached_key(|count| {
            (Reverse(count.numbers), count.waba.as_ref().map(|waba| (waba.label().to_owned(), waba.id)))
        });
        let open = roster.open_changes().filter_map(|(id, _)| store.slot(id));
        summary.open = open.filter(|slot| selected.contains(*slot)).count();
        let mut hidden = selected.clone();
        visible.iter().filter(|slot| selected.contains(*slot)).for_each(|slot| hidden.toggle(slot));
        summary.hidden = hidden.len();
        if summary.hidden > 0 {
            let named = order.iter_from_top().filter(|slot| hidden.contains(*slot)).take(MAX_NAMED_HIDDEN);
            summary.named_hidden = named.map(|slot| store.id(slot)).collect();
        }
        summary
    }
}

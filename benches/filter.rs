//! How long each key in the filter and in the selection takes with 100,000 numbers, and how long it takes to load and
//! sort them.

use std::cell::RefCell;
use std::sync::Arc;

use divan::Bencher;
use pindesk::console::roster::{Roster, SortColumn, SortDirection, SortOrder};
use pindesk::domain::change::ChangeState;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::{Number, TwoStep, Waba};
use pindesk::domain::text::CleanText;

const NUMBERS: usize = 100_000;
const PAGE_SIZE: usize = 100;

/// Of a window of 24 lines.
const ROWS_IN_SIGHT: usize = 16;

fn main() {
    divan::main();
}

/// A unique number that is similar to the others. The numbers are not in order.
fn number(n: usize, wabas: &[Arc<Waba>]) -> Number {
    const KINDS: [&str; 6] = ["Stores", "Retail", "Support", "Pharmacy", "Outlet", "Returns"];
    const TOWNS: [&str; 7] = ["London", "Leeds", "Manchester", "São Paulo", "Köln", "Boston", "Santiago"];
    let spread = n * 7_919 % 10_000_000;
    let name = format!("Acme {} {} {}", KINDS[n % KINDS.len()], TOWNS[n / 3 % TOWNS.len()], n % 97);
    let id = format!("{}", 200_000_000_000_001 + n).parse().expect("an id");
    let mut number = Number::from_config(id, Some(CleanText::new(&name)));
    number.display_number = Some(CleanText::new(&format!("+1 {:03}-{:04}", 2_000 + spread / 10_000, spread % 10_000)));
    number.read_at = Some(UtcTime::from_unix_seconds(0));
    number.two_step = [TwoStep::On, TwoStep::NotSet, TwoStep::Unknown][n % 3];
    number.waba = Some(Arc::clone(&wabas[n * wabas.len() / NUMBERS]));
    number
}

fn wabas() -> Vec<Arc<Waba>> {
    let waba = |n| Waba {
        id: format!("{}", 100_000_000_000_001_u64 + n).parse().expect("an id"),
        name: Some(CleanText::new(&format!("region-{n}"))),
    };
    (0..20).map(|n| Arc::new(waba(n))).collect()
}

fn loaded_roster() -> Roster {
    let (mut roster, wabas) = (Roster::default(), wabas());
    for n in 0..NUMBERS {
        roster.upsert(&number(n, &wabas));
    }
    for n in 0..1_000 {
        roster.set_change(number(n * 13, &wabas).id, ChangeState::Queued);
    }
    roster.finish_refresh(&[]);
    roster.apply_updates();
    roster
}

/// The last key of each text.
#[divan::bench(args = ["5", "55", "551", "5512", "acme", "+1 555-12", "!london", "two-step:not-set waba:region-1 stores", "not set", "failed", "req:no", "-set:today", "request:queued", "id:5512"])]
fn filter_key(bencher: Bencher<'_, '_>, text: &str) {
    let roster = RefCell::new(loaded_roster());
    let before = text.char_indices().next_back().map_or("", |(last, _)| &text[..last]);
    bencher
        .with_inputs(|| {
            let mut roster = roster.borrow_mut();
            // An incomplete value is invalid. Such a key starts from all rows.
            roster
                .set_filter(before, ROWS_IN_SIGHT)
                .or_else(|_| roster.set_filter("", ROWS_IN_SIGHT))
                .expect("an empty filter");
        })
        .bench_local_values(|()| roster.borrow_mut().set_filter(text, ROWS_IN_SIGHT));
}

#[divan::bench(args = [SortColumn::Number, SortColumn::Name, SortColumn::Waba, SortColumn::TwoStep, SortColumn::Request])]
fn sort(bencher: Bencher<'_, '_>, by: SortColumn) {
    let roster = RefCell::new(loaded_roster());
    let other = if by == SortColumn::Number { SortColumn::Name } else { SortColumn::Number };
    bencher
        .with_inputs(|| roster.borrow_mut().set_sort(SortOrder { column: other, direction: SortDirection::Ascending }))
        .bench_local_values(|()| {
            roster.borrow_mut().set_sort(SortOrder { column: by, direction: SortDirection::Ascending });
        });
}

/// A key that selects, and the counts that the frame after it needs.
#[divan::bench(args = ["toggle", "all", "invert"])]
fn select_key(bencher: Bencher<'_, '_>, key: &str) {
    let mut roster = loaded_roster();
    roster.select_shown();
    roster.set_filter("stores", ROWS_IN_SIGHT).expect("a valid filter");
    bencher.bench_local(|| {
        match key {
            "toggle" => roster.toggle_selected(),
            "all" => roster.select_shown(),
            _ => roster.invert_shown(),
        }
        roster.selection().hidden_count()
    });
}

/// The list of the numbers that the next key asks about.
#[divan::bench]
fn selected_ids(bencher: Bencher<'_, '_>) {
    let mut roster = loaded_roster();
    roster.select_shown();
    bencher.bench_local(|| roster.selection().ids());
}

/// A thousand pages, each followed by the updates that a frame needs.
#[divan::bench(sample_count = 5)]
fn load_page_by_page(bencher: Bencher<'_, '_>) {
    let wabas = wabas();
    bencher.with_inputs(|| (0..NUMBERS).map(|n| number(n, &wabas)).collect::<Vec<_>>()).bench_local_values(|numbers| {
        let mut roster = Roster::default();
        let mut numbers = numbers.into_iter().peekable();
        while numbers.peek().is_some() {
            numbers.by_ref().take(PAGE_SIZE).for_each(|number| roster.upsert(&number));
            roster.apply_updates();
        }
        roster
    });
}

use proptest::prelude::*;

use super::*;
use crate::domain::text::CleanText;

fn waba(index: usize) -> Arc<Waba> {
    Arc::new(Waba { id: format!("10000{index}").parse().expect("an ID"), name: None })
}

fn candidate(index: usize, two_step: TwoStep, obstacle: Option<Obstacle>) -> Candidate {
    let id = format!("2000000{index:05}").parse().expect("an ID");
    let number = Number { two_step, waba: Some(waba(index % 3)), ..Number::from_config(id, None) };
    Candidate { number, is_hidden: index.is_multiple_of(2), obstacle }
}

#[test]
fn the_reasons_to_leave_a_number_out_are_a_table() {
    use LeftOutReason::{On, Unknown};
    let obstacles = [
        Obstacle::BeingSent { elsewhere: false },
        Obstacle::BeingSent { elsewhere: true },
        Obstacle::InDoubt,
        Obstacle::MayStillArrive,
        Obstacle::NotListed,
    ];
    for obstacle in obstacles {
        for two_step in [TwoStep::NotSet, TwoStep::On, TwoStep::Unknown] {
            let candidate = candidate(0, two_step, Some(obstacle));
            let reasons = [false, true].map(|replaces| candidate.left_out_reason(replaces));
            assert_eq!(reasons, [Some(LeftOutReason::Obstacle(obstacle)); 2], "{two_step:?}");
        }
    }
    let cases =
        [(TwoStep::NotSet, [None, None]), (TwoStep::On, [Some(On), None]), (TwoStep::Unknown, [Some(Unknown), None])];
    for (two_step, reasons) in cases {
        let candidate = candidate(0, two_step, None);
        assert_eq!([false, true].map(|replaces| candidate.left_out_reason(replaces)), reasons, "{two_step:?}");
    }
}

fn mixed() -> Batch {
    Batch::new(vec![
        candidate(0, TwoStep::NotSet, None),
        candidate(1, TwoStep::On, None),
        candidate(3, TwoStep::NotSet, None),
        candidate(4, TwoStep::Unknown, None),
        candidate(2, TwoStep::NotSet, Some(Obstacle::InDoubt)),
        candidate(5, TwoStep::NotSet, None),
        // A number that was named twice.
        candidate(0, TwoStep::On, None),
    ])
}

fn ids(frozen: &FrozenBatch) -> Vec<&str> {
    frozen.targets().map(|candidate| candidate.number.id.as_str()).collect()
}

#[test]
fn a_plan_keeps_the_order_and_its_counts_add_up() {
    let batch = mixed();
    assert_eq!(batch.two_step(), TwoStepTally { not_set: 4, on: 1, unknown: 1 });
    assert_eq!((batch.candidates().len(), batch.hidden()), (6, 3));
    let frozen = FrozenBatch::new(batch, false);
    let plan = frozen.plan();
    assert_eq!(ids(&frozen), ["200000000000", "200000000003", "200000000005"]);
    assert_eq!((plan.count(), plan.left_out(), plan.hidden()), (3, 3, 1));
    assert_eq!(plan.two_step(), TwoStepTally { not_set: 3, on: 0, unknown: 0 });
    let shares = [WabaShare { waba: Some(waba(0)), numbers: 2 }, WabaShare { waba: Some(waba(2)), numbers: 1 }];
    assert_eq!(plan.wabas(), shares);
    let in_doubt = LeftOutReason::Obstacle(Obstacle::InDoubt);
    let counts: Vec<_> = plan.left_out_counts().collect();
    assert_eq!(counts, [(LeftOutReason::On, 1), (LeftOutReason::Unknown, 1), (in_doubt, 1)]);
    let left_out: Vec<_> = frozen.left_out().map(|(candidate, why)| (candidate.number.id.as_str(), why)).collect();
    let expected =
        [("200000000001", LeftOutReason::On), ("200000000004", LeftOutReason::Unknown), ("200000000002", in_doubt)];
    assert_eq!(left_out, expected);
    assert_eq!(mixed().plan(true).two_step(), TwoStepTally { not_set: 3, on: 1, unknown: 1 });
}

#[test]
fn a_frozen_batch_loses_numbers_and_gains_none() {
    let mut frozen = FrozenBatch::new(mixed(), false);
    let on = frozen.update(candidate(3, TwoStep::On, None));
    assert_eq!(on, BatchChange::LeftOut(LeftOutReason::On));
    // Numbers that were left out could get a PIN now.
    assert_eq!(frozen.update(candidate(1, TwoStep::NotSet, None)), BatchChange::None);
    assert_eq!(frozen.update(candidate(2, TwoStep::NotSet, None)), BatchChange::None);
    assert_eq!(frozen.update(candidate(3, TwoStep::NotSet, None)), BatchChange::None);
    assert_eq!(frozen.update(candidate(9, TwoStep::NotSet, None)), BatchChange::None, "it was not selected");
    assert_eq!(ids(&frozen), ["200000000000", "200000000005"]);
    let elsewhere = Obstacle::BeingSent { elsewhere: true };
    let sent = frozen.update(candidate(0, TwoStep::NotSet, Some(elsewhere)));
    assert_eq!(sent, BatchChange::LeftOut(LeftOutReason::Obstacle(elsewhere)));
    let plan = frozen.plan();
    assert_eq!((plan.count(), plan.left_out(), plan.hidden()), (1, 5, 0));
    assert_eq!(plan.wabas(), [WabaShare { waba: Some(waba(2)), numbers: 1 }]);
    assert_eq!(plan.two_step(), TwoStepTally { not_set: 1, on: 0, unknown: 0 });
    assert_eq!(frozen.clone().into_batch().plan(false).count(), 4, "another plan decides again");
}

#[test]
fn what_makes_a_frozen_batch_stronger_is_told() {
    let mut frozen = FrozenBatch::new(mixed(), true);
    for (two_step, change) in [
        (TwoStep::On, BatchChange::Stronger),
        (TwoStep::Unknown, BatchChange::None),
        (TwoStep::NotSet, BatchChange::None),
        (TwoStep::Unknown, BatchChange::Stronger),
    ] {
        assert_eq!(frozen.update(candidate(0, two_step, None)), change, "{two_step:?}");
    }
    assert_eq!(frozen.plan().two_step(), TwoStepTally { not_set: 2, on: 1, unknown: 2 });
    let mut renamed = candidate(3, TwoStep::NotSet, None);
    renamed.number.name = Some(CleanText::new("Another shop"));
    assert_eq!(frozen.update(renamed), BatchChange::Renamed);
}

#[test]
fn a_number_that_stays_left_out_has_its_newest_reason() {
    let mut frozen = FrozenBatch::new(mixed(), false);
    assert_eq!(frozen.update(candidate(1, TwoStep::On, Some(Obstacle::MayStillArrive))), BatchChange::None);
    assert_eq!(frozen.update(candidate(2, TwoStep::On, None)), BatchChange::None);
    let late = LeftOutReason::Obstacle(Obstacle::MayStillArrive);
    let counts: Vec<_> = frozen.plan().left_out_counts().collect();
    assert_eq!(counts, [(LeftOutReason::On, 1), (LeftOutReason::Unknown, 1), (late, 1)]);
}

#[test]
fn a_waba_has_one_share_whatever_its_name() {
    let mut renamed = candidate(3, TwoStep::NotSet, None);
    renamed.number.waba = Some(Arc::new(Waba { name: Some(CleanText::new("Example")), ..(*waba(0)).clone() }));
    let batch = Batch::new(vec![candidate(0, TwoStep::NotSet, None), renamed]);
    let counts: Vec<_> = batch.plan(false).wabas().iter().map(|share| share.numbers).collect();
    assert_eq!(counts, [2]);
}

type Counts = (TwoStepTally, usize, Vec<(Option<WabaId>, usize)>, Vec<(LeftOutReason, usize)>);

/// The plan's counts, made from its numbers.
fn counted(frozen: &FrozenBatch) -> Counts {
    let (mut two_step, mut hidden) = (TwoStepTally::default(), 0);
    let (mut wabas, mut reasons) = (BTreeMap::new(), BTreeMap::new());
    for candidate in frozen.targets() {
        *two_step.count_mut(candidate.number.two_step) += 1;
        hidden += usize::from(candidate.is_hidden);
        *wabas.entry(waba_id(candidate.number.waba.as_ref())).or_default() += 1;
    }
    frozen.left_out().for_each(|(_, reason)| *reasons.entry(reason).or_default() += 1);
    (two_step, hidden, wabas.into_iter().collect(), reasons.into_iter().collect())
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let two_step = prop::sample::select(vec![TwoStep::NotSet, TwoStep::On, TwoStep::Unknown]);
    let obstacle = prop::sample::select(vec![None, None, Some(Obstacle::InDoubt), Some(Obstacle::MayStillArrive)]);
    (0..8_usize, two_step, obstacle, 0..4_usize, any::<bool>()).prop_map(
        |(index, two_step, obstacle, of, is_hidden)| {
            let mut candidate = candidate(index, two_step, obstacle);
            candidate.number.waba = (of < 3).then(|| waba(of));
            Candidate { is_hidden, ..candidate }
        },
    )
}

proptest! {
    #[test]
    fn the_counts_of_a_plan_are_those_of_its_numbers(
        first in prop::collection::vec(any_candidate(), 0..12),
        updates in prop::collection::vec(any_candidate(), 0..24),
        replaces: bool,
    ) {
        let mut frozen = FrozenBatch::new(Batch::new(first), replaces);
        for update in updates {
            frozen.update(update);
            let plan = frozen.plan();
            let mut wabas: Vec<_> =
                plan.wabas().iter().map(|share| (waba_id(share.waba.as_ref()), share.numbers)).collect();
            wabas.sort_unstable();
            let kept = (plan.two_step(), plan.hidden(), wabas, plan.left_out_counts().collect::<Vec<_>>());
            prop_assert_eq!(kept, counted(&frozen));
        }
        let batch = frozen.into_batch();
        let again = Batch::new(batch.candidates().to_vec());
        prop_assert_eq!((batch.two_step(), batch.hidden()), (again.two_step(), again.hidden()));
    }
}

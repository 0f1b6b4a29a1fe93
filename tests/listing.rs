//! Reading the configured numbers from the simulator: side by side, page by page, and patient with a bad line.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod faultd;
}

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::outcome::ReadFailure;
use pindesk::domain::text::CleanText;
use pindesk::graph::Graph;
use pindesk::numbers::{self, NumberSources, NumbersEvent, SendPermit};
use pindesk::simulator::{FULL_ACCESS_TOKEN, FaultPlan, Simulator, SimulatorSpec, WorldSpec, wabas};
use support::faultd::{ScriptStep, ScriptedServer};
use tokio::sync::Notify;
use tokio::time::Instant;

const ONE_SECOND: Duration = Duration::from_secs(1);

async fn start_simulator(numbers: usize, latency: Duration, faults: &str) -> Simulator {
    let faults = FaultPlan::parse(faults).expect("a plan");
    let spec = SimulatorSpec { world: WorldSpec::new(numbers, 1), latency, faults };
    Simulator::start("127.0.0.1:0".parse().expect("an address"), spec).await.expect("a simulator")
}

fn id(n: u64) -> PhoneNumberId {
    (200_000_000_000_000 + n).to_string().parse().expect("an id")
}

fn all_wabas() -> Vec<Arc<Waba>> {
    wabas().into_iter().map(Arc::new).collect()
}

/// What was told, and how long after the start.
async fn read_numbers(simulator: &Simulator, sources: NumberSources) -> Vec<(Duration, NumbersEvent)> {
    read_numbers_at(&simulator.base_url(), sources).await
}

fn graph(url: &str) -> Graph {
    let endpoint =
        Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None };
    let token = AccessToken::parse(FULL_ACCESS_TOKEN).expect("a token");
    Graph::new(&endpoint, Credentials { token, app_secret: None }, 16).expect("a client")
}

async fn read_numbers_at(url: &str, sources: NumberSources) -> Vec<(Duration, NumbersEvent)> {
    let graph = graph(url);
    let (start, told) = (Instant::now(), Mutex::default());
    numbers::read_numbers(&graph, sources, &|news| {
        let told: &Mutex<Vec<_>> = &told;
        told.lock().expect("no panic inside").push((start.elapsed(), news));
    })
    .await;
    told.into_inner().expect("no panic inside")
}

fn received_numbers(told: &[(Duration, NumbersEvent)]) -> impl Iterator<Item = &Number> {
    told.iter().flat_map(|(_, news)| match news {
        NumbersEvent::Page(numbers) => numbers.as_slice(),
        NumbersEvent::WabaFinished(..) | NumbersEvent::NumberFailed(..) => &[],
    })
}

/// How each WABA's reading ended, by its short name.
fn waba_results(told: &[(Duration, NumbersEvent)]) -> HashMap<&str, &Result<(), ReadFailure>> {
    told.iter()
        .filter_map(|(_, news)| match news {
            NumbersEvent::WabaFinished(waba, result) => Some((waba.label(), result)),
            NumbersEvent::Page(_) | NumbersEvent::NumberFailed(..) => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn several_wabas_are_read_side_by_side_and_rows_come_page_by_page() {
    let simulator = start_simulator(1_000, ONE_SECOND, "").await;
    let told = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
    assert_eq!(received_numbers(&told).count(), 1_000);
    assert!(waba_results(&told).len() == 7 && waba_results(&told).values().all(|end| end.is_ok()));
    let pages: Vec<_> =
        told.iter().filter(|(_, news)| matches!(news, NumbersEvent::Page(_))).map(|(at, _)| at).collect();
    // 280 numbers in the largest WABA are three pages of at most 100; nobody waits for anybody.
    assert_eq!(pages.iter().filter(|at| **at < &(ONE_SECOND * 2)).count(), 7, "{pages:?}");
    assert!(told.last().expect("an end").0 < ONE_SECOND * 4, "{pages:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_is_not_asked_for_before_the_one_before_it_is_taken() {
    let simulator = start_simulator(1_000, Duration::ZERO, "").await;
    let (asked, told) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    let room = || {
        async move {
            // One WABA only, so nothing else is told meanwhile.
            assert_eq!(asked.fetch_add(1, SeqCst), told.load(SeqCst));
            // Long enough for the next page to come, were it asked for.
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            Box::new(|_| told.store(told.load(SeqCst) + 1, SeqCst)) as SendPermit<'_>
        }
        .boxed()
    };
    let sources = NumberSources { wabas: all_wabas()[..1].to_vec(), numbers: Vec::new() };
    numbers::read_with_backpressure(&graph(&simulator.base_url()), sources, &room).await;
    assert_eq!(told.load(SeqCst), 4, "three pages and the end");
}

#[tokio::test(start_paused = true)]
async fn a_waba_that_fails_leaves_the_others() {
    let faults = "[[fault]]\nwaba = \"100000000000002\"\ncall = \"list\"\nanswer = { code = 200, status = 403 }";
    let simulator = start_simulator(1_000, Duration::ZERO, faults).await;
    let told = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
    let ends = waba_results(&told);
    assert!(matches!(ends["uk-retail"], Err(ReadFailure::Api(fault)) if fault.code == 200), "{ends:?}");
    assert_eq!(ends.values().filter(|end| end.is_ok()).count(), 6);
    assert_eq!(received_numbers(&told).count(), 830, "all but its 17 in 100");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_lost_is_read_again_and_no_number_is_missing_or_double() {
    for answer in ["\"reset-before\"", "\"truncate\"", "\"html\"", "\"timeout\"", "{ code = 2, status = 503 }"] {
        let faults = format!("[[fault]]\nevery = 3\ntimes = 2\ncall = \"list\"\nanswer = {answer}");
        let simulator = start_simulator(1_000, Duration::ZERO, &faults).await;
        let told = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
        assert!(waba_results(&told).values().all(|end| end.is_ok()), "{answer}: {:?}", waba_results(&told));
        let mut ids: Vec<_> = received_numbers(&told).map(|number| number.id.to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), received_numbers(&told).count()), (1_000, 1_000), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waba_that_stays_silent_is_given_up_after_three_reads() {
    let faults = "[[fault]]\nwaba = \"100000000000001\"\ncall = \"list\"\nanswer = \"timeout\"";
    let simulator = start_simulator(100, Duration::ZERO, faults).await;
    let told = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
    assert_eq!(waba_results(&told)["us-retail"], &Err(ReadFailure::NoAnswer));
    let (at, _) = told.last().expect("an end");
    assert!((ONE_SECOND * 90..ONE_SECOND * 94).contains(at), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_single_number_has_the_name_of_the_config_and_one_that_fails_is_listed_as_unknown() {
    let simulator = start_simulator(100, Duration::ZERO, "").await;
    let name = CleanText::new("Front desk");
    let nobody = id(900);
    let sources = NumberSources { wabas: Vec::new(), numbers: vec![(id(7), Some(name.clone())), (nobody, None)] };
    let told = read_numbers(&simulator, sources).await;
    let found: HashMap<_, _> = received_numbers(&told).map(|number| (number.id, number)).collect();
    assert_eq!((found[&id(7)].name.as_ref(), found[&id(7)].display_number.is_some()), (Some(&name), true));
    assert_eq!(found[&nobody], &Number::from_config(nobody, None));
    assert_eq!(found[&nobody].two_step, TwoStep::Unknown);
    let failed = told.iter().any(|(_, news)| {
        matches!(news, NumbersEvent::NumberFailed(id, ReadFailure::Api(fault)) if *id == nobody && fault.code == 100)
    });
    assert!(failed, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_single_number_that_a_waba_lists_too_ends_up_with_its_waba_and_the_name_of_the_config() {
    let name = CleanText::new("Front desk");
    // Whichever comes first: the lists wait, or the single number does.
    for late in ["list", "read"] {
        let faults = format!("[[fault]]\nevery = 1\ntimes = 1\ncall = \"{late}\"\nanswer = \"timeout\"");
        let simulator = start_simulator(100, Duration::ZERO, &faults).await;
        let wabas = vec![Arc::new(wabas().swap_remove(0))];
        let told = read_numbers(&simulator, NumberSources { wabas, numbers: vec![(id(7), Some(name.clone()))] }).await;
        let last = received_numbers(&told).filter(|number| number.id == id(7)).last().expect("it is told");
        assert_eq!((last.name.as_ref(), last.waba.as_ref().map(|waba| waba.label())), (Some(&name), Some("us-retail")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_number_that_a_waba_told_of_while_it_waited_to_be_told_is_not_told_without_the_waba() {
    let late = "[[fault]]\nevery = 1\ntimes = 1\ncall = \"list\"\nanswer = \"timeout\"";
    let simulator = start_simulator(100, Duration::ZERO, late).await;
    let (asked, list_told, told) = (&AtomicUsize::new(0), &Notify::new(), &Mutex::new(Vec::new()));
    let room = || {
        async move {
            // The single number comes first, and there is no room for it before the list is told.
            if asked.fetch_add(1, SeqCst) == 0 {
                list_told.notified().await;
            }
            Box::new(|news| {
                told.lock().expect("no panic inside").push((Duration::ZERO, news));
                list_told.notify_one();
            }) as SendPermit<'_>
        }
        .boxed()
    };
    let wabas = vec![Arc::new(wabas().swap_remove(0))];
    numbers::read_with_backpressure(
        &graph(&simulator.base_url()),
        NumberSources { wabas, numbers: vec![(id(7), None)] },
        &room,
    )
    .await;
    let told = told.lock().expect("no panic inside");
    let of_it = received_numbers(&told).filter(|number| number.id == id(7));
    let wabas: Vec<_> = of_it.map(|number| number.waba.as_ref().map(|waba| waba.label())).collect();
    assert_eq!(wabas, [Some("us-retail")]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_leads_in_a_circle_is_not_taken_for_a_whole_one() {
    let page = |after: &str| {
        let body = format!(
            r#"{{"data":[{{"id":"200000000000001"}}],"paging":{{"cursors":{{"after":"{after}"}},"next":"https://x/"}}}}"#
        );
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        vec![ScriptStep::Bytes(reply.into_bytes())]
    };
    let round = ["a", "b", "c", "a", "b", "c", "a", "b", "c"];
    let circle = ScriptedServer::start(round.into_iter().map(page).collect()).await;
    let wabas = vec![Arc::new(wabas().swap_remove(0))];
    let told = read_numbers_at(&circle.url(), NumberSources { wabas, numbers: Vec::new() }).await;
    assert_eq!(waba_results(&told)["us-retail"], &Err(ReadFailure::UnexpectedReply { http_status: 200 }));
    assert_eq!(circle.requests().len(), 4);
}

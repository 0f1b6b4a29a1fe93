//! Reads of the configured numbers from the simulator: WABAs concurrently, each page by page, with retries.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use pindesk::config::endpoint::{AccessToken, Credentials, Endpoint};
use pindesk::domain::clock::Clock;
use pindesk::domain::number::{Number, PhoneNumberId, TwoStep, Waba};
use pindesk::domain::outcome::{ListDefect, ReadFailure};
use pindesk::domain::text::CleanText;
use pindesk::graph::Graph;
use pindesk::numbers::{self, NumberSources, NumbersEvent, SendPermit};
use pindesk::pace::Pace;
use pindesk::simulator::{FULL_ACCESS_TOKEN, FaultPlan, Simulator, SimulatorSpec, WorldSpec, wabas};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::scripted_server::{ScriptStep, ScriptedServer};

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

/// The events, each with how long after the start it was reported.
async fn read_numbers(simulator: &Simulator, sources: NumberSources) -> Vec<(Duration, NumbersEvent)> {
    read_numbers_at(&simulator.base_url(), sources).await
}

fn graph(url: &str) -> Graph {
    let endpoint =
        Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None };
    let token = AccessToken::parse(FULL_ACCESS_TOKEN).expect("a token");
    Graph::new(&endpoint, Credentials { token, app_secret: None }, 16).expect("a client")
}

fn pace() -> Pace {
    Pace::new(16, Clock::System, |_| {})
}

async fn read_numbers_at(url: &str, sources: NumberSources) -> Vec<(Duration, NumbersEvent)> {
    let graph = graph(url);
    let (start, events) = (Instant::now(), Mutex::default());
    numbers::read_numbers(&graph, &pace(), sources, &|event| {
        let events: &Mutex<Vec<_>> = &events;
        events.lock().expect("not poisoned").push((start.elapsed(), event));
    })
    .await;
    events.into_inner().expect("not poisoned")
}

fn received_numbers(events: &[(Duration, NumbersEvent)]) -> impl Iterator<Item = &Number> {
    events.iter().flat_map(|(_, event)| match event {
        NumbersEvent::Page(numbers) => numbers.as_slice(),
        NumbersEvent::WabaFinished(..) | NumbersEvent::NumberFailed(..) => &[],
    })
}

/// The result for each WABA, by its label.
fn waba_results(events: &[(Duration, NumbersEvent)]) -> HashMap<&str, &Result<(), ReadFailure>> {
    events
        .iter()
        .filter_map(|(_, event)| match event {
            NumbersEvent::WabaFinished(waba, result) => Some((waba.label(), result)),
            NumbersEvent::Page(_) | NumbersEvent::NumberFailed(..) => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_page_of_the_first_waba_comes_first() {
    for round in 0..20 {
        let simulator = start_simulator(1_000, ONE_SECOND, "").await;
        let single = (id(1_000), None);
        let events = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: vec![single] }).await;
        let first = received_numbers(&events).next().expect("a number");
        assert_eq!(first.waba.as_deref().map(|waba| waba.id), wabas().first().map(|waba| waba.id), "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn wabas_are_read_at_once_and_numbers_come_page_by_page() {
    let simulator = start_simulator(1_000, ONE_SECOND, "").await;
    let events = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
    assert_eq!(received_numbers(&events).count(), 1_000);
    assert!(waba_results(&events).len() == 7 && waba_results(&events).values().all(|result| result.is_ok()));
    let pages: Vec<_> =
        events.iter().filter(|(_, event)| matches!(event, NumbersEvent::Page(_))).map(|(at, _)| at).collect();
    // 280 numbers in the largest WABA are three pages of at most 100, and no WABA waits for another.
    assert_eq!(pages.iter().filter(|at| **at < &(ONE_SECOND * 2)).count(), 7, "{pages:?}");
    assert!(events.last().expect("an end").0 < ONE_SECOND * 4, "{pages:?}");
}

#[tokio::test(start_paused = true)]
async fn the_next_page_is_requested_when_the_last_was_accepted() {
    let simulator = start_simulator(1_000, Duration::ZERO, "").await;
    let (reserved, reported) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    let reserve = || {
        async move {
            // There is only one WABA, so no other event is reported meanwhile.
            assert_eq!(reserved.fetch_add(1, SeqCst), reported.load(SeqCst));
            // Long enough for the next page to arrive, if it were requested.
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            Box::new(|_| reported.store(reported.load(SeqCst) + 1, SeqCst)) as SendPermit<'_>
        }
        .boxed()
    };
    let sources = NumberSources { wabas: all_wabas()[..1].to_vec(), numbers: Vec::new() };
    numbers::read_with_backpressure(&graph(&simulator.base_url()), &pace(), sources, &reserve).await;
    assert_eq!(reported.load(SeqCst), 4, "three pages and the result of the WABA");
}

#[tokio::test(start_paused = true)]
async fn a_waba_that_fails_does_not_affect_the_others() {
    let faults = "[[fault]]\nwaba = \"100000000000002\"\ncall = \"list\"\nanswer = { code = 200, status = 403 }";
    let simulator = start_simulator(1_000, Duration::ZERO, faults).await;
    let events = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
    let results = waba_results(&events);
    assert!(matches!(results["uk-retail"], Err(ReadFailure::Api(error)) if error.code == 200), "{results:?}");
    assert_eq!(results.values().filter(|result| result.is_ok()).count(), 6);
    assert_eq!(received_numbers(&events).count(), 830, "all but the 17 in 100 of that WABA");
}

#[tokio::test(start_paused = true)]
async fn a_lost_page_is_retried_without_missing_or_double_numbers() {
    for answer in ["\"reset-before\"", "\"truncate\"", "\"html\"", "\"timeout\"", "{ code = 2, status = 503 }"] {
        let faults = format!("[[fault]]\nevery = 3\ntimes = 2\ncall = \"list\"\nanswer = {answer}");
        let simulator = start_simulator(1_000, Duration::ZERO, &faults).await;
        let events = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
        assert!(waba_results(&events).values().all(|result| result.is_ok()), "{answer}: {:?}", waba_results(&events));
        let mut ids: Vec<_> = received_numbers(&events).map(|number| number.id.to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), received_numbers(&events).count()), (1_000, 1_000), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waba_without_an_answer_is_given_up_after_three_reads() {
    let faults = "[[fault]]\nwaba = \"100000000000001\"\ncall = \"list\"\nanswer = \"timeout\"";
    let simulator = start_simulator(100, Duration::ZERO, faults).await;
    let events = read_numbers(&simulator, NumberSources { wabas: all_wabas(), numbers: Vec::new() }).await;
    assert_eq!(waba_results(&events)["us-retail"], &Err(ReadFailure::NoAnswer));
    let (at, _) = events.last().expect("an end");
    assert!((ONE_SECOND * 90..ONE_SECOND * 94).contains(at), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_single_number_has_its_name_from_the_config() {
    let simulator = start_simulator(100, Duration::ZERO, "").await;
    let name = CleanText::new("Front desk");
    let missing = id(900);
    let sources = NumberSources { wabas: Vec::new(), numbers: vec![(id(7), Some(name.clone())), (missing, None)] };
    let events = read_numbers(&simulator, sources).await;
    let by_id: HashMap<_, _> = received_numbers(&events).map(|number| (number.id, number)).collect();
    assert_eq!((by_id[&id(7)].name.as_ref(), by_id[&id(7)].display_number.is_some()), (Some(&name), true));
    // A number that cannot be read is listed with an unknown status.
    assert_eq!(by_id[&missing], &Number::from_config(missing, None));
    assert_eq!(by_id[&missing].two_step, TwoStep::Unknown);
    let has_failure = events.iter().any(|(_, event)| {
        matches!(event, NumbersEvent::NumberFailed(id, ReadFailure::Api(error)) if *id == missing && error.code == 100)
    });
    assert!(has_failure, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_single_number_that_a_waba_lists_too_gets_its_waba() {
    let name = CleanText::new("Front desk");
    // In either order: first the list is late, then the single number.
    for late_call in ["list", "read"] {
        let faults = format!("[[fault]]\nevery = 1\ntimes = 1\ncall = \"{late_call}\"\nanswer = \"timeout\"");
        let simulator = start_simulator(100, Duration::ZERO, &faults).await;
        let wabas = vec![Arc::new(wabas().swap_remove(0))];
        let events =
            read_numbers(&simulator, NumberSources { wabas, numbers: vec![(id(7), Some(name.clone()))] }).await;
        let last = received_numbers(&events).filter(|number| number.id == id(7)).last().expect("it was reported");
        assert_eq!((last.name.as_ref(), last.waba.as_ref().map(|waba| waba.label())), (Some(&name), Some("us-retail")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_single_number_is_skipped_if_a_waba_lists_it() {
    let late_list = "[[fault]]\nevery = 1\ntimes = 1\ncall = \"list\"\nanswer = \"timeout\"";
    let simulator = start_simulator(100, Duration::ZERO, late_list).await;
    let (reserved, list_reported, events) = (&AtomicUsize::new(0), &Notify::new(), &Mutex::new(Vec::new()));
    let reserve = || {
        async move {
            // The single number arrives first, but gets its permit only after the list was reported.
            if reserved.fetch_add(1, SeqCst) == 0 {
                list_reported.notified().await;
            }
            Box::new(|event| {
                events.lock().expect("not poisoned").push((Duration::ZERO, event));
                list_reported.notify_one();
            }) as SendPermit<'_>
        }
        .boxed()
    };
    let wabas = vec![Arc::new(wabas().swap_remove(0))];
    numbers::read_with_backpressure(
        &graph(&simulator.base_url()),
        &pace(),
        NumberSources { wabas, numbers: vec![(id(7), None)] },
        &reserve,
    )
    .await;
    let events = events.lock().expect("not poisoned");
    let reports = received_numbers(&events).filter(|number| number.id == id(7));
    let wabas: Vec<_> = reports.map(|number| number.waba.as_ref().map(|waba| waba.label())).collect();
    assert_eq!(wabas, [Some("us-retail")]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_repeats_a_cursor_fails() {
    let page = |after: &str| {
        let body = format!(
            r#"{{"data":[{{"id":"200000000000001"}}],"paging":{{"cursors":{{"after":"{after}"}},"next":"https://x/"}}}}"#
        );
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        vec![ScriptStep::Bytes(reply.into_bytes())]
    };
    let cursors = ["a", "b", "c", "a", "b", "c", "a", "b", "c"];
    let server = ScriptedServer::start_with_stopped_clock(cursors.into_iter().map(page).collect()).await;
    let wabas = vec![Arc::new(wabas().swap_remove(0))];
    let events = read_numbers_at(&server.url(), NumberSources { wabas, numbers: Vec::new() }).await;
    assert_eq!(waba_results(&events)["us-retail"], &Err(ReadFailure::IncompleteList(ListDefect::Loop)));
    assert_eq!(server.requests().len(), 4);
}

/// A page of a list; `paging` is JSON.
fn page(rows: &str, paging: &str) -> Vec<ScriptStep> {
    reply("200 OK", "", &format!(r#"{{"data":[{rows}],"paging":{paging}}}"#))
}

fn reply(status: &str, headers: &str, body: &str) -> Vec<ScriptStep> {
    let reply = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    vec![ScriptStep::Bytes(reply.into_bytes())]
}

/// Reads the list of one WABA from a server with this script: the IDs, in order, and the result.
async fn read_scripted_list(script: Vec<Vec<ScriptStep>>) -> (Vec<String>, Result<(), ReadFailure>, Vec<String>) {
    let server = ScriptedServer::start(script).await;
    let sources = NumberSources { wabas: vec![Arc::new(wabas().swap_remove(0))], numbers: Vec::new() };
    let events = read_numbers_at(&server.url(), sources).await;
    let ids = received_numbers(&events).map(|number| number.id.to_string()).collect();
    (ids, waba_results(&events)["us-retail"].clone(), server.requests())
}

#[tokio::test(start_paused = true)]
async fn a_number_on_two_pages_is_one_row() {
    let (ids, result, _) = read_scripted_list(vec![
        page(r#"{"id":"1"},{"id":"2"}"#, r#"{"cursors":{"after":"A"},"next":"https://x/"}"#),
        page(r#"{"id":"2"},{"id":"3"}"#, r#"{"cursors":{"after":"B"}}"#),
    ])
    .await;
    assert_eq!((ids, result), (["1", "2", "3"].map(str::to_owned).to_vec(), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_list_is_never_called_the_whole() {
    let incomplete = |defect| Err(ReadFailure::IncompleteList(defect));
    let cases = [
        (page(r#"{"id":"1"}"#, r#"{"cursors":{},"next":"https://x/"}"#), incomplete(ListDefect::NoContinuation)),
        (page(r#"{"id":"1"},{"id":""},{}"#, "{}"), incomplete(ListDefect::UnusableRows(2))),
    ];
    for (script, expected) in cases {
        let (ids, result, _) = read_scripted_list(vec![script]).await;
        assert_eq!((ids, result), (vec!["1".to_owned()], expected));
    }
    let endless =
        (0..150).map(|n| page(r#"{"id":"1"}"#, &format!(r#"{{"cursors":{{"after":"c{n}"}},"next":"https://x/"}}"#)));
    let (ids, result, requests) = read_scripted_list(endless.collect()).await;
    assert_eq!((ids.len(), result, requests.len()), (1, incomplete(ListDefect::Endless), 102));
}

#[tokio::test(start_paused = true)]
async fn a_page_with_too_much_data_is_read_in_smaller_ones() {
    let error = r#"{"error":{"message":"Please reduce the amount of data you're asking for, then retry","code":1}}"#;
    let (ids, result, requests) =
        read_scripted_list(vec![reply("500 X", "", error), reply("500 X", "", error), page(r#"{"id":"1"}"#, "{}")])
            .await;
    assert_eq!((ids, result), (vec!["1".to_owned()], Ok(())));
    let limits = ["&limit=100 ", "&limit=50 ", "&limit=25 "];
    assert!(requests.iter().zip(limits).all(|(request, limit)| request.contains(limit)), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_list_goes_on_by_itself() {
    let error = r#"{"error":{"message":"m","code":80008,"is_transient":true}}"#;
    let throttled = || reply("400 X", "", error);
    let start = Instant::now();
    let script = vec![throttled(), throttled(), throttled(), throttled(), page(r#"{"id":"1"}"#, "{}")];
    let (ids, result, requests) = read_scripted_list(script).await;
    assert_eq!((ids, result, requests.len()), (vec!["1".to_owned()], Ok(()), 5));
    assert!(start.elapsed() >= Duration::from_mins(1 + 2 + 4 + 8), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_kind_has_no_row() {
    let simulator = start_simulator(10, Duration::ZERO, "").await;
    let waba_id = "100000000000001".parse().expect("an ID");
    let sources = NumberSources { wabas: all_wabas(), numbers: vec![(waba_id, None)] };
    let events = read_numbers(&simulator, sources).await;
    assert!(received_numbers(&events).all(|number| number.id != waba_id && number.display_number.is_some()));
    assert_eq!(received_numbers(&events).count(), 10);
    assert!(events.iter().any(|(_, event)| {
        matches!(event, NumbersEvent::NumberFailed(id, ReadFailure::WrongKind { .. }) if *id == waba_id)
    }));
}

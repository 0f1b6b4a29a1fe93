//! Limits of Meta: a throttle pauses its scope, fails nothing, and the rest follows after one probe.

use std::time::Duration;

use pindesk::domain::change::ChangeState;
use pindesk::domain::outcome::{DoubtReason, ReplyForm};
use pindesk::domain::standing::NotSentReason;
use pindesk::jobs::UnknownRefusals;
use pindesk::policy::quota::{PauseCause, QuotaScope};
use pindesk::simulator::{FULL_ACCESS_TOKEN, Simulator};
use tokio::time::Instant;

use super::{JobsFixture, id, is_set, is_token_refused, pass_time, plan_in_waba, query_count, start_simulator, waba};
use crate::support::scripted_server::{ScriptStep, ScriptedServer};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

impl JobsFixture {
    fn count_in_doubt(&self) -> usize {
        self.count_last_states(|state| matches!(state, ChangeState::InDoubt(_)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_without_a_time_fails_no_number() {
    let faults = "[[fault]]\nwaba = \"100000000000001\"\nfor = \"3m\"\nanswer = { code = 80008, status = 400 }";
    let simulator = start_simulator(1_000, Duration::from_millis(100), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 8);
    fixture.set_pins(vec![plan_in_waba(1, 1, 240)]).await;
    fixture.wait_until_finished(240).await;
    let requests = simulator.pin_request_count() - 240;
    assert!(requests <= 8 + 8, "{requests} throttled requests");
    assert_eq!(fixture.count_last_states(is_set), 240);
    let pauses = fixture.told_pauses();
    assert!((2..=3).contains(&pauses.len()), "{pauses:?}");
    for pause in pauses {
        assert_eq!((pause.scope, pause.cause), (QuotaScope::Waba(Some(waba(1))), PauseCause::Throttled(80_008)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_transient_throttle_of_the_app_puts_nothing_in_doubt() {
    let faults =
        "[[fault]]\nevery = 1\nafter = 40\nfor = \"5m\"\nanswer = { code = 4, status = 429, transient = true }";
    let simulator = start_simulator(1_000, Duration::from_millis(100), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 16);
    fixture.set_pins(vec![plan_in_waba(1, 1, 240)]).await;
    fixture.wait_until_finished(240).await;
    let requests = simulator.pin_request_count() - 240;
    assert!(requests <= 16 + 4, "{requests} throttled requests");
    assert_eq!((fixture.count_last_states(is_set), fixture.count_in_doubt()), (240, 0));
    assert!(fixture.told_pauses().iter().all(|pause| pause.scope == QuotaScope::App));
}

#[tokio::test(start_paused = true)]
async fn only_the_time_for_this_waba_and_type_is_waited() {
    let limit = |id, kind, minutes| {
        format!(
            r#""{id}":[{{"type":"{kind}","call_count":100,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":{minutes}}}]"#
        )
    };
    let own = limit("100000000000001", "whatsapp_business_management", 1);
    let usage = format!(
        "{{{},{},{own}}}",
        limit("100000000000002", "whatsapp_business_management", 59),
        limit("100000000000003", "messages", 59)
    );
    let faults =
        format!("[[fault]]\nevery = 1\ntimes = 1\nanswer = {{ code = 80008, status = 400, usage = '{usage}' }}");
    let simulator = start_simulator(100, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let start = Instant::now();
    fixture.set_pins(vec![plan_in_waba(1, 1, 1)]).await;
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 paused sending-1 set after 1");
    let waited = start.elapsed();
    assert!((MINUTE..=Duration::from_secs(75)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_waba_holds_up_no_other() {
    let faults = "[[fault]]\nwaba = \"100000000000001\"\nanswer = { code = 80008, status = 400, regain_minutes = 60 }";
    let simulator = start_simulator(1_000, Duration::from_millis(100), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    // 280 numbers in the first WABA, and the numbers after them in the second.
    fixture.set_pins(vec![plan_in_waba(1, 1, 280), plan_in_waba(2, 281, 100)]).await;
    let start = Instant::now();
    fixture.wait_until_finished(100).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!((fixture.count_last_states(is_set), simulator.pin_request_count()), (100, 104));
}

#[tokio::test(start_paused = true)]
async fn a_throttle_of_one_number_pauses_only_that_number() {
    let faults = format!("[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = {{ code = 130429, status = 400 }}", id(1));
    let simulator = start_simulator(1_000, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    let start = Instant::now();
    fixture.set_pins(vec![plan_in_waba(1, 1, 20)]).await;
    fixture.wait_until_finished(19).await;
    assert!(start.elapsed() < MINUTE, "{:?}", start.elapsed());
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(1), "sending-1 paused sending-1 set after 1");
    assert_eq!(fixture.told_pauses()[0].scope, QuotaScope::Number(id(1)));
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_set_during_a_pause_is_shown_as_paused() {
    let faults = "[[fault]]\nevery = 1\ntimes = 1\nanswer = { code = 4, status = 400 }";
    let simulator = start_simulator(1_000, Duration::ZERO, faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    fixture.set_pins(vec![plan_in_waba(1, 1, 1)]).await;
    fixture.receive_until(1, |progress| matches!(progress.state, ChangeState::Paused { .. })).await;
    fixture.set_pins(vec![plan_in_waba(2, 281, 1)]).await;
    fixture.wait_until_finished(2).await;
    assert_eq!(fixture.state_history(281), "paused sending-1 set after 1");
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_while_it_waits_is_not_sent() {
    let faults = "[[fault]]\nevery = 1\nanswer = { code = 80008, status = 400, regain_minutes = 60 }";
    let simulator = start_simulator(1_000, Duration::from_millis(100), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 20);
    fixture.set_pins(vec![plan_in_waba(1, 1, 20)]).await;
    fixture.receive_until(20, |progress| matches!(progress.state, ChangeState::Paused { .. })).await;
    let database = fixture.state.state_path().join("journal.db");
    let unrecorded = "SELECT count(*) FROM tries t WHERE NOT EXISTS (
        SELECT 1 FROM outcomes o WHERE o.change = t.change AND o.seq > t.seq)";
    assert_eq!(query_count(&database, unrecorded), 0, "a crash now leaves no number in doubt");
    let in_flight = fixture.jobs.shut_down();
    fixture.wait_until_finished(20).await;
    assert!(in_flight.have_ended());
    let is_stopped = |state: &ChangeState| matches!(state, ChangeState::NotSent(finished, NotSentReason::Stopped) if finished.attempts == 0);
    assert_eq!((fixture.count_last_states(is_stopped), simulator.pin_request_count()), (20, 20));
    let _state = fixture.close().await;
    let last_kind = "SELECT count(*) FROM outcomes o WHERE o.kind = 'not_sent' AND NOT o.repeats
        AND o.seq = (SELECT max(seq) FROM outcomes WHERE change = o.change)";
    assert_eq!(query_count(&database, last_kind), 20);
    let throttled = "SELECT count(*) FROM audit WHERE json_extract(row, '$.outcome') = 'throttled'";
    assert_eq!(query_count(&database, throttled), 20);
}

#[tokio::test(start_paused = true)]
async fn a_number_in_doubt_gives_its_permit_back_in_a_pause() {
    let faults = format!(
        "[[fault]]\nnumber = \"{}\"\ntimes = 1\nanswer = {{ code = 80008, status = 500, regain_minutes = 60 }}",
        id(1)
    );
    let simulator = start_simulator(1_000, Duration::ZERO, &faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 1);
    fixture.set_pins(vec![plan_in_waba(1, 1, 1), plan_in_waba(2, 281, 50)]).await;
    let start = Instant::now();
    fixture.wait_until_finished(50).await;
    assert!(start.elapsed() < MINUTE, "{:?}", start.elapsed());
    let state = fixture.state.state_path().join("journal.db");
    let recorded = "SELECT count(*) FROM outcomes WHERE kind = 'no_answer' AND repeats";
    assert_eq!(query_count(&state, recorded), 1, "its doubt is recorded before");
    fixture.wait_until_finished(1).await;
    assert_eq!(fixture.state_history(1), "queued sending-1 paused? sending-2 set after 2");
    assert!(start.elapsed() >= HOUR);
}

#[tokio::test(start_paused = true)]
async fn equal_refusals_with_an_unknown_code_stop_the_job() {
    let faults = "[[fault]]\nevery = 1\nanswer = { code = 987654, status = 400 }";
    let simulator = start_simulator(2_000, Duration::from_millis(100), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 8);
    fixture.set_pins(vec![plan_in_waba(1, 1, 500)]).await;
    fixture.wait_until_finished(500).await;
    let requests = simulator.pin_request_count();
    assert!(requests <= 5 + 8, "{requests} requests");
    let is_unsent =
        |state: &ChangeState| matches!(state, ChangeState::NotSent(_, NotSentReason::UnknownRefusals(987_654)));
    assert_eq!(fixture.count_last_states(is_unsent), 500 - requests);
}

/// A job of 500 numbers that is held because the first ones are refused with an unknown code, and its question.
async fn held_job(faults: &str) -> (Simulator, JobsFixture, UnknownRefusals) {
    let simulator = start_simulator(2_000, Duration::from_millis(100), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 8);
    let mut questions = fixture.jobs.ask_about_refusals();
    fixture.set_pins(vec![plan_in_waba(1, 1, 500)]).await;
    let question = questions.recv().await.expect("a question");
    pass_time(Duration::from_hours(1)).await;
    assert_eq!(questions.try_recv().ok(), None, "it is asked once");
    assert_eq!((question.code, question.refused), (987_654, 5));
    assert_eq!(simulator.pin_request_count(), 500 - question.left, "nothing is sent meanwhile");
    assert!(question.left >= 500 - 5 - 8, "{question:?}");
    fixture.wait_until_finished(500 - question.left).await;
    (simulator, fixture, question)
}

const UNKNOWN_CODE: &str = "[[fault]]\nevery = 1\nanswer = { code = 987654, status = 400 }";

#[tokio::test(start_paused = true)]
async fn the_rest_is_sent_if_the_operator_says_so() {
    let (simulator, mut fixture, question) = held_job(UNKNOWN_CODE).await;
    fixture.jobs.answer(1, true);
    pass_time(Duration::from_mins(1)).await;
    assert_eq!(simulator.pin_request_count(), 500 - question.left, "that answers another question");
    fixture.jobs.answer(question.code, true);
    fixture.wait_until_finished(question.left).await;
    assert_eq!(simulator.pin_request_count(), 500, "the code stops nothing any longer");
    assert_eq!(fixture.count_last_states(|state| matches!(state, ChangeState::Failed(..))), 500);
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_not_sent_if_the_operator_says_no() {
    let (simulator, mut fixture, question) = held_job(UNKNOWN_CODE).await;
    fixture.jobs.answer(question.code, false);
    fixture.wait_until_finished(question.left).await;
    let is_unsent =
        |state: &ChangeState| matches!(state, ChangeState::NotSent(_, NotSentReason::UnknownRefusals(987_654)));
    assert_eq!(fixture.count_last_states(is_unsent), question.left);
    assert_eq!(simulator.pin_request_count(), 500 - question.left);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_job_that_waits_for_an_answer() {
    let (simulator, mut fixture, question) =
        held_job(UNKNOWN_CODE.replace("every = 1", "every = 1\nfor = \"30m\"").as_str()).await;
    let in_flight = fixture.jobs.stop();
    fixture.wait_until_finished(question.left).await;
    assert!(in_flight.have_ended());
    let is_stopped = |state: &ChangeState| matches!(state, ChangeState::NotSent(_, NotSentReason::Stopped));
    assert_eq!(fixture.count_last_states(is_stopped), question.left);
    fixture.jobs.answer(question.code, true);
    fixture.set_pins(vec![plan_in_waba(1, 501, 20)]).await;
    fixture.wait_until_finished(20).await;
    assert_eq!(simulator.pin_request_count(), 500 - question.left + 20, "the next job is not held");
}

#[tokio::test(start_paused = true)]
async fn a_bare_401_stops_everything() {
    let html = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\n\r\n<html>";
    let server = ScriptedServer::start(vec![vec![ScriptStep::Bytes(html.into())]]).await;
    let mut fixture = JobsFixture::new(&server.url(), FULL_ACCESS_TOKEN, 4);
    fixture.set_pins(vec![plan_in_waba(1, 1, 200)]).await;
    fixture.wait_until_finished(200).await;
    let requests = server.requests().len();
    assert!(requests <= 1 + 4, "{requests} requests");
    assert_eq!(fixture.count_last_states(is_token_refused), 200 - requests);
    let doubt = DoubtReason::UnexpectedReply { http_status: 401, form: ReplyForm::WebPage }.into();
    let is_in_doubt = |state: &ChangeState| matches!(state, ChangeState::InDoubt(details) if details.doubt == doubt);
    assert_eq!(fixture.count_last_states(is_in_doubt), requests);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_app_stops_everything() {
    let faults = "[[fault]]\nevery = 1\nanswer = { code = 3, status = 400 }";
    let simulator = start_simulator(1_000, Duration::from_millis(100), faults).await;
    let mut fixture = JobsFixture::for_simulator(&simulator, 4);
    fixture.set_pins(vec![plan_in_waba(1, 1, 200), plan_in_waba(2, 281, 100)]).await;
    fixture.wait_until_finished(300).await;
    let requests = simulator.pin_request_count();
    assert!(requests <= 1 + 4, "{requests} requests");
    let is_unsent = |state: &ChangeState| matches!(state, ChangeState::NotSent(_, NotSentReason::AppRefused(_)));
    assert_eq!(fixture.count_last_states(is_unsent), 300 - requests);
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_ten_requests_stop_the_job() {
    // Nothing listens there.
    let mut fixture = JobsFixture::new("http://127.0.0.1:9", FULL_ACCESS_TOKEN, 8);
    fixture.set_pins(vec![plan_in_waba(1, 1, 200)]).await;
    fixture.wait_until_finished(200).await;
    let attempts =
        fixture.states.values().flatten().filter(|state| matches!(state, ChangeState::Sending { .. })).count();
    assert!((10..=18).contains(&attempts), "{attempts} attempts");
    assert_eq!(fixture.count_last_states(|state| matches!(state, ChangeState::NotSent(..))), 200);
}

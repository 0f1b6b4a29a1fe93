//! What cannot be brought about from outside: a task that panics, and a stop between a turn and its first step.

use super::*;
use crate::config::endpoint::{AccessToken, Credentials, Endpoint};
use crate::job::ChangeId;
use crate::pin::Pin;

/// A client for an address where nobody listens.
fn graph() -> Graph {
    let endpoint = Endpoint {
        url: "http://127.0.0.1:1".parse().expect("a URL"),
        version: "v24.0".parse().expect("a version"),
        ca_file: None,
    };
    let token = AccessToken::parse("SIMULATOR").expect("a token");
    Graph::new(&endpoint, Credentials { token, app_secret: None }, 1).expect("a client")
}

fn actor() -> (Actor, mpsc::UnboundedReceiver<Progress>) {
    let (news, progress) = mpsc::unbounded_channel();
    (Actor::new(graph(), 2, News { news, clock: Clock::System }), progress)
}

fn change(number: &str) -> Arc<Change> {
    let number = number.parse().expect("an id");
    Arc::new(Change { id: ChangeId::new(), number, waba: None, pin: Pin::parse(b"409726").expect("a PIN") })
}

fn run_of(actor: &Actor) -> (watch::Sender<Option<NotSent>>, Run) {
    let (stop, stopped) = watch::channel(None);
    let (line, news, permits) = (actor.line.subscribe(), actor.news.clone(), Arc::clone(&actor.permits));
    (stop, Run { line, news, permits, stopped })
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_leaves_its_number_in_doubt_while_others_are_still_running() {
    let (mut actor, mut progress) = actor();
    let (lost, slow) = (change("200000000000001"), change("200000000000002"));
    for (change, is_lost) in [(&lost, true), (&slow, false)] {
        actor.busy.insert(change.number);
        let running =
            Running { change: Arc::clone(change), tries_before: 2, doubt: None, stop: watch::channel(None).0 };
        let work = Work { change: Arc::clone(change), tries_before: 2, doubt: None };
        actor.watch_over(running, async move {
            assert!(!is_lost, "as planned");
            tokio::time::sleep(Duration::from_secs(1)).await;
            Rested { work, tries: 3, outcome: Outcome::Confirmed, stops: Stops::Nothing, generation: 1 }
        });
    }
    let (commands, inbox) = mpsc::unbounded_channel();
    drop(commands);
    tokio::spawn(actor.run(inbox)).await.expect("the actor comes to its end");
    let told: Vec<_> = std::iter::from_fn(|| progress.try_recv().ok()).collect();
    assert!(
        matches!(&told[..], [
            Progress { change: first, state: JobState::InDoubt(Finished { tries: 3, .. }, Doubt::LineBroke { .. }), .. },
            Progress { change: second, state: JobState::Set(_), .. },
        ] if *first == lost.id && *second == slow.id),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_a_turn_and_its_request_keeps_the_request_here() {
    let (actor, mut progress) = actor();
    let (stop, run) = run_of(&actor);
    let work = Work { change: change("200000000000001"), tries_before: 0, doubt: None };
    let permit = Arc::clone(&actor.permits).acquire_owned().await.expect("a permit");
    stop.send_replace(Some(NotSent::TokenRefused));
    let rested = run.until_rest(work, permit).await;
    assert_eq!((rested.tries, rested.outcome), (0, Outcome::NotSent(NotSent::TokenRefused)));
    assert!(progress.try_recv().is_err(), "nothing was told to be on its way");
    assert_eq!(actor.permits.available_permits(), 2);
}

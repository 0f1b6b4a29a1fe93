//! Tells that calls wait because Meta limits them: a line for each pause, or a JSON event, and a line when it ends.
//!
//! It does not decide when a pause starts or ends.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use serde::Serialize;

use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::{eprint_line, print_json};
use crate::config::Profile;
use crate::domain::clock::{Clock, UtcTime};
use crate::domain::json_text::SCHEMA_VERSION;
use crate::pace::{Pace, Pause};
use crate::policy::quota::{PauseCause, QuotaScope};

/// A command waits as long as Meta says, which may be an hour.
const HOW_TO_STOP: &str = "To stop instead of waiting, press Ctrl-C.";

/// A pause as scripts see it.
#[derive(Serialize)]
struct PauseRecord {
    schema: u8,
    event: &'static str,
    scope: &'static str,
    id: Option<String>,
    code: Option<i64>,
    until: String,
}

impl From<&Pause> for PauseRecord {
    fn from(pause: &Pause) -> Self {
        let (scope, id) = match pause.scope {
            QuotaScope::App => ("app", None),
            QuotaScope::Token => ("token", None),
            QuotaScope::Waba(waba) => ("waba", waba.map(|waba| waba.to_string())),
            QuotaScope::Number(number) => ("number", Some(number.to_string())),
        };
        let code = match pause.cause {
            PauseCause::Throttled(code) => Some(code),
            PauseCause::QuotaUsedUp => None,
        };
        Self { schema: SCHEMA_VERSION, event: "paused", scope, id, code, until: pause.until.utc.to_rfc3339() }
    }
}

/// A pause, and how to tell it.
struct ToldPause {
    pause: Pause,
    /// The name of its WABA.
    label: Option<String>,
    options: OutputOptions,
}

impl ToldPause {
    /// Says that it began, or became longer.
    fn print(&self) {
        if self.options.is_json {
            // The reader may have closed the pipe. The work goes on all the same.
            print_json(&PauseRecord::from(&self.pause)).ok();
        }
        if !self.options.is_quiet {
            let sentence = self.pause.sentence(self.label.as_deref(), UtcTime::now());
            eprint_line(&format!("pindesk: {sentence} {HOW_TO_STOP}"));
        }
    }

    fn print_end(&self) {
        if !self.options.is_quiet {
            eprint_line(&format!("pindesk: {}", self.pause.end_sentence(self.label.as_deref())));
        }
    }
}

/// What the thread that tells the pauses receives.
enum Message {
    Pause(ToldPause),
    /// Dropped when all that came before is printed.
    Barrier(Sender<()>),
}

/// Where pauses are told; `None` if its thread cannot be started. There is one for the process, as for its output.
static TELLER: OnceLock<Option<Sender<Message>>> = OnceLock::new();

/// The pace of a command, which tells its pauses. They are printed on a thread of their own: a reader who does not read
/// them holds up no call.
pub(crate) fn new_pace(profile: &Profile, concurrency: usize, options: OutputOptions) -> Pace {
    let labels: HashMap<_, _> = profile.wabas.iter().map(|waba| (waba.id, waba.label().to_owned())).collect();
    let teller = TELLER.get_or_init(|| {
        let (sender, messages) = mpsc::channel();
        let thread = thread::Builder::new().name("pauses".to_owned()).spawn(move || tell_pauses(&messages));
        thread.ok().map(|_| sender)
    });
    Pace::new(concurrency, Clock::System, move |pause| {
        let label = match pause.scope {
            QuotaScope::Waba(waba) => waba.and_then(|waba| labels.get(&waba)).cloned(),
            QuotaScope::App | QuotaScope::Token | QuotaScope::Number(_) => None,
        };
        let told = ToldPause { pause, label, options };
        match teller {
            Some(teller) => drop(teller.send(Message::Pause(told))),
            // Its end is not told.
            None => told.print(),
        }
    })
}

/// Waits until each pause that began is told, and each end that has come. A summary is printed after this.
pub(crate) fn wait_until_told() {
    if let Some(Some(teller)) = TELLER.get() {
        let (barrier, told) = mpsc::channel();
        teller.send(Message::Barrier(barrier)).ok();
        // Nothing is sent: the other end is dropped.
        told.recv().ok();
    }
}

/// Prints each pause, and its end when it comes, until the sender is dropped. A later pause of the same scope takes the
/// place of the earlier one.
fn tell_pauses(messages: &mpsc::Receiver<Message>) {
    let mut pauses: HashMap<QuotaScope, ToldPause> = HashMap::new();
    loop {
        let received = match pauses.values().map(|told| told.pause.until.instant).min() {
            Some(until) => messages.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => messages.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(Message::Pause(told)) => {
                told.print();
                pauses.insert(told.pause.scope, told);
            }
            Ok(Message::Barrier(barrier)) => {
                print_ends(&mut pauses);
                drop(barrier);
            }
            Err(RecvTimeoutError::Timeout) => print_ends(&mut pauses),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// Prints the ends that have come.
fn print_ends(pauses: &mut HashMap<QuotaScope, ToldPause>) {
    let now = Instant::now();
    for (_, told) in pauses.extract_if(|_, told| told.pause.until.instant <= now) {
        told.print_end();
    }
}

//! Tells that calls wait because Meta limits them: one line for each pause, or one JSON event, and one line when it ends.
//!
//! It does not decide when a pause starts or ends.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError};
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

/// The pace of a command, which tells its pauses.
pub(crate) fn new_pace(profile: &Profile, concurrency: usize, options: OutputOptions) -> Pace {
    let labels: HashMap<_, _> = profile.wabas.iter().map(|waba| (waba.id, waba.label().to_owned())).collect();
    let (ends, started) = mpsc::channel();
    // Without the thread, only the ends are not told.
    thread::Builder::new().name("pauses".to_owned()).spawn(move || tell_ends(&started)).ok();
    Pace::new(concurrency, Clock::System, move |pause| {
        if options.is_json {
            // The reader may have closed the pipe. The work goes on all the same.
            print_json(&PauseRecord::from(&pause)).ok();
        }
        if !options.is_quiet {
            let label = match pause.scope {
                QuotaScope::Waba(waba) => waba.and_then(|waba| labels.get(&waba)).map(String::as_str),
                QuotaScope::App | QuotaScope::Token | QuotaScope::Number(_) => None,
            };
            eprint_line(&format!("pindesk: {}", pause.sentence(label, UtcTime::now())));
            ends.send((pause, pause.end_sentence(label))).ok();
        }
    })
}

/// Prints the sentence of each pause when it ends, until the sender is dropped. A later pause of the same scope takes the
/// place of the earlier one.
fn tell_ends(started: &mpsc::Receiver<(Pause, String)>) {
    let mut pauses: HashMap<QuotaScope, (Instant, String)> = HashMap::new();
    loop {
        let received = match pauses.values().map(|(until, _)| *until).min() {
            Some(until) => started.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => started.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok((pause, end)) => drop(pauses.insert(pause.scope, (pause.until.instant, end))),
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                for (_, (_, end)) in pauses.extract_if(|_, (until, _)| *until <= now) {
                    eprint_line(&format!("pindesk: {end}"));
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

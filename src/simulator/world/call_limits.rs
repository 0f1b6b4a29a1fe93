//! Limits the calls of each WABA in a rolling hour, and tells in the headers how many are used.
//!
//! It knows one app, and does not read a clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::generator;
use super::response::{GraphError, SimulatedResponse};

/// The window in which calls are counted.
const HOUR: Duration = Duration::from_hours(1);

/// The calls of the last hour.
#[derive(Debug)]
pub(super) struct CallLimits {
    /// How many calls a WABA accepts in an hour; `None` for no limit, and low values in the headers.
    limit: Option<usize>,
    /// True if refused calls count too.
    counts_refused: bool,
    /// When each WABA was called within the last hour.
    times: Vec<VecDeque<Instant>>,
}

impl CallLimits {
    pub(super) fn new(limit: Option<usize>, counts_refused: bool) -> Self {
        Self { limit, counts_refused, times: vec![VecDeque::new(); generator::waba_count()] }
    }

    /// Counts a call, or refuses it.
    pub(super) fn count(&mut self, waba: usize, now: Instant) -> Result<(), GraphError> {
        let Some(limit) = self.limit else { return Ok(()) };
        let calls = &mut self.times[waba];
        while calls.front().is_some_and(|at| now.saturating_duration_since(*at) >= HOUR) {
            calls.pop_front();
        }
        let is_accepted = calls.len() < limit;
        if is_accepted || self.counts_refused {
            calls.push_back(now);
        }
        if is_accepted {
            return Ok(());
        }
        // The next call is accepted when all but `limit - 1` of these calls are an hour old.
        let wait = calls.get(calls.len() - limit).map_or(HOUR, |at| (*at + HOUR).saturating_duration_since(now));
        let regain_minutes = u32::try_from(wait.as_secs().div_ceil(60)).ok();
        Err(GraphError { regain_minutes, ..GraphError::titled(400, 80_008) })
    }

    /// Adds the headers with the usage of a WABA. A fault may script the second one.
    pub(super) fn push_headers(
        &self,
        reply: &mut SimulatedResponse,
        waba: usize,
        regain_minutes: Option<u32>,
        scripted: Option<Box<str>>,
    ) {
        let calls = self.times[waba].len();
        let percent = match (regain_minutes, self.limit) {
            (Some(_), _) => 100,
            (None, Some(limit)) => (calls * 100 / limit.max(1)).min(100),
            (None, None) => 1,
        };
        let usage = format!(r#""call_count":{percent},"total_cputime":1,"total_time":1"#);
        let business = format!(
            r#"{{"{}":[{{"type":"whatsapp_business_management",{usage},"estimated_time_to_regain_access":{}}}]}}"#,
            generator::waba_id(waba),
            regain_minutes.unwrap_or(0)
        );
        reply.headers.push(("x-app-usage", r#"{"call_count":1,"total_cputime":1,"total_time":1}"#.to_owned()));
        reply.headers.push(("x-business-use-case-usage", scripted.map_or(business, String::from)));
    }
}

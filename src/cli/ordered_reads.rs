//! Reads the numbers of a list concurrently, and hands them on in a fixed order: WABAs as in the config, pages as they
//! come, then single numbers.
//!
//! A WABA is read at most [`PAGES_AHEAD`] pages ahead of its turn, so that a long list does not wait in memory. This module
//! prints nothing.

use std::thread::JoinHandle;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::cli::error::CliError;
use crate::cli::runtime::build_runtime;
use crate::graph::Graph;
use crate::numbers::{self, NumberSources, NumbersEvent, SendPermit};
use crate::pace::Pace;

/// How many pages of a WABA wait for its turn.
const PAGES_AHEAD: usize = 10;

/// How many WABAs are read at the same time. The earliest is always among them, so that the others never wait forever.
const MAX_CONCURRENT_WABAS: usize = 8;

/// Reads in progress.
pub(crate) struct OrderedReads {
    /// The remaining sources, the current one last.
    sources: Vec<mpsc::Receiver<NumbersEvent>>,
    reader: JoinHandle<()>,
}

impl OrderedReads {
    /// Starts to read, on a thread of its own.
    pub(crate) fn start(graph: Graph, pace: Pace, sources: NumberSources) -> Result<Self, CliError> {
        let NumberSources { wabas, numbers } = sources;
        let mut parts: Vec<_> =
            wabas.into_iter().map(|waba| NumberSources { wabas: vec![waba], numbers: Vec::new() }).collect();
        parts.push(NumberSources { wabas: Vec::new(), numbers });
        let (senders, mut receivers): (Vec<_>, Vec<_>) =
            parts.iter().map(|_| mpsc::channel::<NumbersEvent>(PAGES_AHEAD)).unzip();
        receivers.reverse();
        let runtime = build_runtime()?;
        let reader = std::thread::spawn(move || {
            let (graph, pace) = (&graph, &pace);
            let reads = parts.into_iter().zip(senders).map(|(part, sender)| async move {
                let reserve = || {
                    let reserved = sender.clone().reserve_owned();
                    async move {
                        let permit = reserved.await;
                        // The receiver is dropped when the pipe is closed.
                        Box::new(move |event| drop(permit.map(|permit| permit.send(event)))) as SendPermit<'_>
                    }
                    .boxed()
                };
                numbers::read_with_backpressure(graph, pace, part, &reserve).await;
            });
            runtime.block_on(stream::iter(reads).buffer_unordered(MAX_CONCURRENT_WABAS).collect::<()>());
        });
        Ok(Self { sources: receivers, reader })
    }

    /// The next event in order; `None` after the last one. Blocks.
    pub(crate) fn next_event(&mut self) -> Option<NumbersEvent> {
        loop {
            match self.sources.last_mut()?.blocking_recv() {
                Some(event) => return Some(event),
                None => drop(self.sources.pop()),
            }
        }
    }

    /// False if reading ended by a bug. Call it after the last event.
    pub(crate) fn has_ended_well(self) -> bool {
        self.reader.join().is_ok()
    }
}

//! The work's own thread: one tokio runtime for everything that waits for the network.
//!
//! The screen hands it [`Order`]s and gets [`Msg`]s and a mailbox of progress back. A terminal that stops reading
//! stops only the screen; a network that hangs stops only this thread's answers.

use std::collections::HashMap;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::app::Msg;
use crate::batch::Batch;
use crate::config::endpoint::{Credentials, Endpoint};
use crate::graph::Graph;
use crate::job::{Change, Finished, JobState, Progress};
use crate::listing::{self, News, Sources};
use crate::moment::Clock;
use crate::number::{Number, PhoneNumberId};
use crate::outcome::{NotSent, ReadFailure};
use crate::text::Clean;

/// Whom to talk to, and about what.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The Graph API.
    pub endpoint: Endpoint,
    /// What is read.
    pub sources: Sources,
    /// Requests on their way at once.
    pub concurrency: usize,
}

/// What the screen asks for.
#[derive(Debug)]
pub enum Order {
    /// Use this access token from now on.
    UseCredentials(Credentials),
    /// Read everything.
    ReadAll {
        /// Names the reading in what comes back.
        reading: u32,
    },
    /// Read one number.
    ReadNumber(PhoneNumberId),
    /// Set a PIN.
    Set(Change),
    /// Send the PIN in doubt on a number again.
    SendAgain(PhoneNumberId),
    /// Send nothing new.
    Stop,
    /// Send nothing new, and tell when nothing is on its way any more.
    StopThen(blocking::Sender<()>),
}

/// What comes back.
#[derive(Debug)]
pub enum Report {
    /// Something happened.
    Happened(Msg),
    /// The mailbox, empty until now, has progress.
    ProgressWaiting,
}

/// The newest state of each number that moved, until the screen fetches it: no storm of progress can starve a key.
#[derive(Debug, Clone, Default)]
pub struct Mailbox(Arc<Mutex<HashMap<PhoneNumberId, Progress>>>);

impl Mailbox {
    /// Puts news in, over what was there of the same number. True if the mailbox was empty.
    pub fn put(&self, progress: Progress) -> bool {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = letters.is_empty();
        letters.insert(progress.number, progress);
        was_empty
    }

    /// Takes everything out.
    #[must_use]
    pub fn take(&self) -> Vec<Progress> {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        letters.drain().map(|(_, progress)| progress).collect()
    }
}

/// The way to the work's thread.
#[derive(Debug, Clone)]
pub struct Work {
    orders: mpsc::UnboundedSender<Order>,
    mailbox: Mailbox,
}

impl Work {
    /// Starts the thread on this runtime. `report` is called on it, and must not block.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        runtime: Runtime,
        assignment: Assignment,
        report: impl Fn(Report) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let mailbox = Mailbox::default();
        let desk = Desk {
            assignment,
            client: Err(no_client("there is no access token yet")),
            mailbox: mailbox.clone(),
            report: Arc::new(report),
        };
        thread::Builder::new().name("work".to_owned()).spawn(move || runtime.block_on(desk.run(inbox)))?;
        Ok(Self { orders, mailbox })
    }

    /// Hands over an order.
    pub fn give(&self, order: Order) {
        // The thread ends only with the process.
        self.orders.send(order).ok();
    }

    /// Takes the progress that waits.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        self.mailbox.take()
    }
}

/// One access token at work.
struct Client {
    graph: Graph,
    batch: Batch,
}

/// What the thread holds.
struct Desk<R> {
    assignment: Assignment,
    /// The client, or why there is none: then nothing can be sent.
    client: Result<Client, NotSent>,
    mailbox: Mailbox,
    report: Arc<R>,
}

impl<R: Fn(Report) + Send + Sync + 'static> Desk<R> {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        while let Some(order) = inbox.recv().await {
            match order {
                Order::UseCredentials(credentials) => self.use_credentials(credentials),
                Order::ReadAll { reading } => self.read_all(reading),
                Order::ReadNumber(id) => self.read_number(id),
                Order::Set(change) => self.set(change),
                Order::SendAgain(number) => self.with_batch(|batch| batch.send_again(number)),
                Order::Stop => self.with_batch(Batch::stop),
                // Without a batch nothing can be on its way: the sender is dropped, which tells as well.
                Order::StopThen(at_rest) => self.with_batch(|batch| batch.stop_then(at_rest)),
            }
        }
    }

    fn set(&self, change: Change) {
        let why = match &self.client {
            Ok(client) => return client.batch.set(vec![change]),
            // Nobody else would say a word of it.
            Err(why) => why.clone(),
        };
        let finished = Finished { at: Clock::System.now().utc, tries: 0 };
        let state = JobState::NotSent(finished, why);
        if self.mailbox.put(Progress { change: change.id, number: change.number, state }) {
            (self.report)(Report::ProgressWaiting);
        }
    }

    fn with_batch(&self, act: impl FnOnce(&Batch)) {
        if let Ok(client) = &self.client {
            act(&client.batch);
        }
    }

    fn use_credentials(&mut self, credentials: Credentials) {
        match Graph::new(&self.assignment.endpoint, credentials, self.assignment.concurrency) {
            Ok(graph) => match &mut self.client {
                Ok(client) => {
                    client.batch.use_graph(graph.clone());
                    client.graph = graph;
                }
                Err(_) => self.client = Ok(Client { batch: self.start_batch(graph.clone()), graph }),
            },
            Err(error) => {
                let told = told_with_sources(&error);
                self.tell(Msg::NoClient(Clean::new(&told)));
                if let Err(why) = &mut self.client {
                    *why = no_client(&told);
                }
            }
        }
    }

    fn start_batch(&self, graph: Graph) -> Batch {
        let (batch, mut progress) = Batch::start(graph, self.assignment.concurrency, Clock::System);
        let (mailbox, report) = (self.mailbox.clone(), Arc::clone(&self.report));
        tokio::spawn(async move {
            while let Some(news) = progress.recv().await {
                if mailbox.put(news) {
                    report(Report::ProgressWaiting);
                }
            }
        });
        batch
    }

    fn read_all(&self, reading: u32) {
        let graph = match &self.client {
            Ok(client) => client.graph.clone(),
            Err(why) => return self.tell_all_unread(reading, &ReadFailure::NotSent(why.clone())),
        };
        let (sources, report) = (self.assignment.sources.clone(), Arc::clone(&self.report));
        tokio::spawn(async move {
            let tell = |msg| report(Report::Happened(msg));
            listing::read(&graph, sources, &|news| {
                tell(match news {
                    News::Page(numbers) => Msg::PageArrived { reading, numbers },
                    News::WabaRead(waba, result) => Msg::WabaRead { reading, waba, result },
                    News::NumberUnread(id, failure) => Msg::NumberRead { id, result: Err(failure) },
                });
            })
            .await;
            tell(Msg::ListRead { reading });
        });
    }

    /// A list that was not read must not look like an empty one.
    fn tell_all_unread(&self, reading: u32, failure: &ReadFailure) {
        let Sources { wabas, numbers } = self.assignment.sources.clone();
        for waba in wabas {
            self.tell(Msg::WabaRead { reading, waba, result: Err(failure.clone()) });
        }
        for (id, name) in numbers {
            self.tell(Msg::PageArrived { reading, numbers: vec![Number::unread(id, name)] });
            self.tell(Msg::NumberRead { id, result: Err(failure.clone()) });
        }
        self.tell(Msg::ListRead { reading });
    }

    fn read_number(&self, id: PhoneNumberId) {
        let graph = match &self.client {
            Ok(client) => client.graph.clone(),
            Err(why) => {
                return self.tell(Msg::NumberRead { id, result: Err(ReadFailure::NotSent(why.clone())) });
            }
        };
        let report = Arc::clone(&self.report);
        tokio::spawn(async move {
            let result = graph.number(id).await;
            report(Report::Happened(Msg::NumberRead { id, result }));
        });
    }

    fn tell(&self, msg: Msg) {
        (self.report)(Report::Happened(msg));
    }
}

/// Without a client, nothing leaves.
fn no_client(why: &str) -> NotSent {
    NotSent::RefusedHere(Clean::new(why))
}

/// An error with what lies behind it.
fn told_with_sources(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        told = format!("{told}: {source}");
        behind = source.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::endpoint::AccessToken;
    use crate::number::Waba;

    #[test]
    fn a_list_that_could_not_be_asked_for_is_told_as_unread_and_why() {
        let endpoint = Endpoint {
            url: "https://127.0.0.1:1".parse().expect("a URL"),
            version: "v24.0".parse().expect("a version"),
            ca_file: Some("/no/such/file".into()),
        };
        let waba = Arc::new(Waba { id: "1001".parse().expect("an id"), name: None });
        let sources = Sources { wabas: vec![waba], numbers: Vec::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (told, reports) = blocking::channel();
        let report = move |report| told.send(report).expect("the test listens");
        let work = Work::start(runtime, Assignment { endpoint, sources, concurrency: 1 }, report).expect("a thread");
        let token = AccessToken::parse("SIMULATOR").expect("a token");
        work.give(Order::UseCredentials(Credentials { token, app_secret: None }));
        work.give(Order::ReadAll { reading: 7 });

        let why = "cannot read the CA file /no/such/file: No such file or directory (os error 2)";
        let told: Vec<Report> = reports.iter().take(3).collect();
        assert!(
            matches!(&told[..], [
                Report::Happened(Msg::NoClient(no_client)),
                Report::Happened(Msg::WabaRead { reading: 7, result: Err(ReadFailure::NotSent(unread)), .. }),
                Report::Happened(Msg::ListRead { reading: 7 }),
            ] if no_client.as_str() == why && *unread == NotSent::RefusedHere(Clean::new(why))),
            "{told:?}"
        );
    }
}

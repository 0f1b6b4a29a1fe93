//! The messages to the operator: what the message line shows, and the list of the messages page.
//!
//! A change of a number is one message, which is updated until the change ends. This module does not know what a message
//! says.

use std::collections::VecDeque;

use crate::domain::change::JobId;
use crate::domain::clock::UtcTime;
use crate::domain::number::PhoneNumberId;

/// The maximum number of messages. A new one replaces the oldest.
const MAX_MESSAGES: usize = 500;

/// A message to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When it was added or last updated.
    pub at: UtcTime,
    /// One or more sentences, without a PIN.
    pub text: String,
}

/// What may still happen to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// Nothing.
    No,
    /// The change of this number is in progress, and updates it.
    Change(PhoneNumberId),
    /// The PIN of this number was set, and the refresh that follows adds the status.
    Refresh(PhoneNumberId),
    /// It tells the end of this job, which another process may continue.
    Job(JobId),
    /// Nothing, and the message line shows it only until the next key: it answers a key, and what the operator does next
    /// would make it look like the answer to that.
    Brief,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    pending: Pending,
}

/// The messages so far, newest last.
#[derive(Debug, Default)]
pub struct Messages {
    entries: VecDeque<Entry>,
    hint: Option<String>,
    /// The newest message was added after the last key.
    has_news: bool,
    /// The newest message with its seconds, while its change is in progress.
    counter: Option<String>,
}

impl Messages {
    /// The messages at the start: `first`, or none.
    #[must_use]
    pub fn with_first(first: Option<Message>) -> Self {
        let entry = |message| Entry { message, pending: Pending::No };
        Self { entries: first.into_iter().map(entry).collect(), ..Self::default() }
    }

    /// Adds a message that stays on the messages page.
    pub fn push(&mut self, at: UtcTime, text: impl Into<String>) {
        self.add(at, text.into(), Pending::No);
    }

    /// Adds the message that a job has ended.
    pub fn push_end_of_job(&mut self, id: JobId, at: UtcTime, text: impl Into<String>) {
        self.add(at, text.into(), Pending::Job(id));
    }

    /// Another process continues a job: the message that it has ended is no longer the whole truth.
    pub fn note_continued(&mut self, id: JobId) {
        for entry in self.entries.iter_mut().filter(|entry| entry.pending == Pending::Job(id)) {
            entry.pending = Pending::No;
            entry.message.text.push_str(" Another process has continued it since.");
        }
    }

    /// Adds a message that the message line shows until the next key, and the messages page from then on.
    pub fn push_brief(&mut self, at: UtcTime, text: impl Into<String>) {
        self.add(at, text.into(), Pending::Brief);
    }

    /// Adds a message that is new in this session.
    pub fn push_once(&mut self, at: UtcTime, text: &str) {
        if !self.entries.iter().any(|entry| entry.message.text == text) {
            self.push(at, text);
        }
    }

    /// Updates the message of a number's change in progress, where it stands. Adds it if there is none.
    pub fn update_change(&mut self, id: PhoneNumberId, at: UtcTime, text: impl Into<String>) {
        let message = Message { at, text: text.into() };
        match self.entries.iter_mut().rev().find(|entry| entry.pending == Pending::Change(id)) {
            Some(entry) => entry.message = message,
            None => self.add(at, message.text, Pending::Change(id)),
        }
    }

    /// Ends the message of a number's change: it becomes the newest one. `awaits_refresh` if the refresh that follows
    /// adds to it.
    pub fn end_change(&mut self, id: PhoneNumberId, at: UtcTime, text: impl Into<String>, awaits_refresh: bool) {
        self.entries.retain(|entry| entry.pending != Pending::Change(id));
        self.add(at, text.into(), if awaits_refresh { Pending::Refresh(id) } else { Pending::No });
    }

    /// Adds the status to the message of a PIN that was set, which becomes the newest one. False if no message waits for
    /// it.
    pub fn add_status(&mut self, id: PhoneNumberId, at: UtcTime, sentence: &str) -> bool {
        let Some(index) = self.entries.iter().rposition(|entry| entry.pending == Pending::Refresh(id)) else {
            return false;
        };
        let removed = self.entries.remove(index).map(|entry| entry.message.text).unwrap_or_default();
        self.add(at, format!("{removed} {sentence}"), Pending::No);
        true
    }

    /// The refresh that follows a set PIN failed: a later one adds nothing to its message.
    pub fn forget_status(&mut self, id: PhoneNumberId) {
        let waiting = self.entries.iter_mut().filter(|entry| entry.pending == Pending::Refresh(id));
        waiting.for_each(|entry| entry.pending = Pending::No);
    }

    fn add(&mut self, at: UtcTime, text: String, pending: Pending) {
        if self.entries.len() == MAX_MESSAGES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { message: Message { at, text }, pending });
        self.has_news = true;
        self.hint = None;
        self.counter = None;
    }

    /// The number whose change in progress is the newest message.
    #[must_use]
    pub fn counted_change(&self) -> Option<PhoneNumberId> {
        match self.newest()?.pending {
            Pending::Change(id) => Some(id),
            Pending::No | Pending::Refresh(_) | Pending::Brief | Pending::Job(_) => None,
        }
    }

    /// Sets the newest message with its seconds; `None` if it counts none.
    pub(in crate::console) fn set_counter(&mut self, text: Option<String>) {
        self.counter = text;
    }

    /// Sets the response to a key. The next key clears it, and the messages page does not show it.
    pub fn set_hint(&mut self, text: impl Into<String>) {
        self.hint = Some(text.into());
    }

    /// A key was pressed: clears the response to the last one.
    pub fn clear_hint(&mut self) {
        self.hint = None;
        self.has_news = false;
    }

    /// True if the newest message was added after the last key.
    #[must_use]
    pub const fn has_news(&self) -> bool {
        self.has_news
    }

    /// The response to the last key, or a message that was added after it. Pages without a message line show it until
    /// the next key.
    #[must_use]
    pub fn news(&self) -> Option<&str> {
        self.hint.as_deref().or_else(|| self.line().filter(|_| self.has_news))
    }

    /// The text of the message line: the response to the last key, or the newest message.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        let newest = || self.newest().map(|entry| entry.message.text.as_str());
        self.hint.as_deref().or(self.counter.as_deref()).or_else(newest)
    }

    /// The newest message, but for brief ones that a key has ended.
    fn newest(&self) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| self.has_news || entry.pending != Pending::Brief)
    }

    /// The response to the last key, if there is one.
    #[must_use]
    pub fn current_hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// All messages, newest first.
    #[must_use]
    pub fn newest_first(&self) -> impl ExactSizeIterator<Item = &Message> {
        self.entries.iter().rev().map(|entry| &entry.message)
    }
}

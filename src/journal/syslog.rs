//! Sends audit rows to the local syslog: a second record, which the account of pindesk cannot rewrite.
//!
//! A thread of its own sends, so that a slow syslog delays no PIN; rows that it does not take in time are left out, and
//! their numbers show the gap. It sends nothing but audit rows, and reads nothing.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use syslog_fmt::v5424::{Config, Formatter, Timestamp};
use syslog_fmt::{Facility, Severity};

use super::audit::AuditRow;
use crate::domain::text::CleanText;

/// Where programs send messages to syslog.
///
/// Source: man7.org/linux/man-pages/man3/syslog.3.html.
pub const SYSLOG_SOCKET: &str = "/dev/log";

/// How many rows wait for syslog: those of some seconds of a fast job.
const MAX_WAITING_ROWS: usize = 4096;

/// How long syslog may take for one row.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the end of the program waits for rows that were not sent yet.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection to syslog. Dropping it sends what waits, for at most 2 seconds.
#[derive(Debug)]
pub(super) struct Syslog {
    /// `None` only while it is dropped.
    rows: Option<SyncSender<String>>,
    drained: Receiver<()>,
}

impl Syslog {
    /// Connects to the socket at this path.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let mut sender = RowSender { path: path.to_owned(), socket: open_socket(path)?, message: Vec::new() };
        let (rows, waiting) = mpsc::sync_channel::<String>(MAX_WAITING_ROWS);
        let (is_drained, drained) = mpsc::sync_channel(1);
        thread::Builder::new().name("syslog".to_owned()).spawn(move || {
            for row in waiting {
                // A row that syslog does not take is left out.
                sender.send(&row).ok();
            }
            is_drained.send(()).ok();
        })?;
        Ok(Self { rows: Some(rows), drained })
    }

    /// Queues a row of the audit log, as its JSON text. Leaves it out if too many wait.
    pub(super) fn send(&self, row: String) {
        if let Some(rows) = &self.rows {
            rows.try_send(row).ok();
        }
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.rows = None;
        self.drained.recv_timeout(DRAIN_TIMEOUT).ok();
    }
}

fn open_socket(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    Ok(socket)
}

/// What the thread has.
struct RowSender {
    path: PathBuf,
    socket: UnixDatagram,
    message: Vec<u8>,
}

impl RowSender {
    fn send(&mut self, row: &str) -> io::Result<()> {
        let parsed: AuditRow = serde_json::from_str(row)?;
        self.message.clear();
        format_row(&mut self.message, &parsed, row)?;
        if self.socket.send(&self.message).is_err() {
            // Syslog was restarted: its socket is a new one.
            self.socket = open_socket(&self.path)?;
            self.socket.send(&self.message)?;
        }
        Ok(())
    }
}

/// Writes a message of RFC 5424 whose text is the row, byte for byte.
fn format_row(message: &mut Vec<u8>, parsed: &AuditRow, row: &str) -> io::Result<()> {
    let pid = std::process::id().to_string();
    let host = header_field(&parsed.host);
    let config =
        Config { facility: Facility::Authpriv, hostname: Some(&host), app_name: Some("pindesk"), proc_id: Some(&pid) };
    let at = Timestamp::PreformattedStr(parsed.at.as_str());
    Formatter::from_config(config).write_without_data(message, Severity::Notice, at, row, Some("audit"))
}

/// The text as a field of the header, which takes printable ASCII without blanks.
fn header_field(text: &CleanText) -> String {
    text.as_str().chars().filter(char::is_ascii_graphic).collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::domain::clock::UtcTime;
    use crate::journal::audit::{AuditAction, AuditEntry};
    use crate::journal::model::Operator;

    fn row(sequence: i64) -> String {
        let operator = Operator {
            host: CleanText::new("desk 1"),
            uid: 1000,
            euid: 1000,
            tty: None,
            user: None,
            sudo_user: None,
            ssh_connection: None,
        };
        let at = UtcTime::from_unix_seconds(1_795_356_000);
        let row = AuditRow::new(sequence, at, &operator, AuditAction::ScreenHidden, AuditEntry::default(), None);
        row.to_json().expect("JSON")
    }

    fn received(server: &UnixDatagram) -> String {
        let mut message = [0; 4096];
        let len = server.recv(&mut message).expect("a message");
        String::from_utf8(message[..len].to_vec()).expect("UTF-8")
    }

    #[test]
    fn a_row_is_a_message_of_rfc_5424() {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("log");
        let server = UnixDatagram::bind(&path).expect("a socket");
        let syslog = Syslog::connect(&path).expect("syslog");
        syslog.send(row(7));
        let pid = std::process::id();
        let header = format!("<85>1 2026-11-22T14:00:00Z desk1 pindesk {pid} audit - ");
        let message = received(&server);
        assert_eq!(message.replace('\u{feff}', ""), format!("{header}{}", row(7)));
    }

    #[test]
    fn rows_go_on_after_syslog_was_restarted() {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("log");
        let server = UnixDatagram::bind(&path).expect("a socket");
        let syslog = Syslog::connect(&path).expect("syslog");
        drop(server);
        std::fs::remove_file(&path).expect("the socket exists");
        let server = UnixDatagram::bind(&path).expect("a socket");
        syslog.send(row(1));
        drop(syslog);
        assert!(received(&server).contains("\"sequence\":1,"));
    }

    #[test]
    fn without_syslog_the_connection_is_refused() {
        let dir = TempDir::new().expect("a directory");
        let error = Syslog::connect(&dir.path().join("log")).expect_err("no socket");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_syslog_that_takes_nothing_delays_no_row() {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("log");
        let server = UnixDatagram::bind(&path).expect("a socket");
        let syslog = Syslog::connect(&path).expect("syslog");
        // More than the socket and the queue hold: this returns only because a row may be left out.
        for _ in 0..MAX_WAITING_ROWS + 2000 {
            syslog.send(row(1));
        }
        assert!(received(&server).contains("\"sequence\":1,"));
    }
}

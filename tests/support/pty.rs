//! A program on a pseudo-terminal, whose screen a terminal model draws from its output.
//!
//! Tests wait for a text on the screen, for a pause in the output or for the end of the program. Each wait has a
//! deadline, after which the test fails and prints the screen.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, WaitTimeoutResult};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

pub(crate) use self::process::{Process, ProcessExit};
use super::signals;

mod process;

/// The longest that any wait may take. Only a slow machine needs a part of it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The output and the state of the program so far.
#[expect(clippy::struct_excessive_bools, reason = "the flags are independent of each other")]
struct PtyState {
    bytes: Vec<u8>,
    terminal: vt100::Parser,
    is_paused: bool,
    /// The reader has handled the pause, so that its last read is complete.
    is_reader_paused: bool,
    is_hung_up: bool,
    is_output_ended: bool,
    exit: Option<ProcessExit>,
}

/// The state, and a condition variable that signals each change.
struct SharedPtyState {
    state: Mutex<PtyState>,
    changed: Condvar,
}

impl SharedPtyState {
    fn lock(&self) -> MutexGuard<'_, PtyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &'a self,
        state: MutexGuard<'a, PtyState>,
        time: Duration,
        condition: impl FnMut(&mut PtyState) -> bool,
    ) -> (MutexGuard<'a, PtyState>, WaitTimeoutResult) {
        self.changed.wait_timeout_while(state, time, condition).unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut PtyState)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

/// A program running on a pseudo-terminal. It is killed when dropped.
pub(crate) struct PtySession {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    reader: Option<JoinHandle<()>>,
    pid: Pid,
    shared: Arc<SharedPtyState>,
    initial_modes: String,
}

impl PtySession {
    /// Starts a program on a pseudo-terminal of the given columns and rows, with exactly these environment variables.
    pub(crate) fn spawn(program: &str, args: &[&str], size: (u16, u16), env: &[(&str, &str)]) -> Self {
        signals::reset_ignored_signals();
        let pair = portable_pty::native_pty_system().openpty(pty_size(size)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for (name, value) in env {
            command.env(name, value);
        }
        let initial_modes = modes_of(&*pair.master);
        let mut child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);

        let shared = Arc::new(SharedPtyState {
            state: Mutex::new(PtyState {
                bytes: Vec::new(),
                terminal: vt100::Parser::new(non_zero(size.1), non_zero(size.0), 0),
                is_paused: false,
                is_reader_paused: false,
                is_hung_up: false,
                is_output_ended: false,
                exit: None,
            }),
            changed: Condvar::new(),
        });
        let pid = child.process_id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("a process ID");
        let reader = pair.master.try_clone_reader().expect("a reader");
        let writer = pair.master.take_writer().expect("a writer");
        let reader = thread::spawn({
            let shared = Arc::clone(&shared);
            move || read_output(reader, &shared)
        });
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                // Reaped only under the lock: see `kill`.
                let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                rustix::process::waitid(WaitId::Pid(pid), ended).expect("the child can be awaited");
                shared.update(|state| {
                    let status = child.wait().expect("the child can be reaped");
                    state.exit = Some(ProcessExit { code: status.exit_code(), is_normal: status.signal().is_none() });
                });
            }
        });
        Self { master: Some(pair.master), writer: Some(writer), reader: Some(reader), pid, shared, initial_modes }
    }

    /// Types these bytes.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let writer = self.writer.as_mut().expect("the terminal is open");
        writer.write_all(bytes.as_ref()).expect("the terminal accepts keys");
        writer.flush().expect("the terminal accepts keys");
    }

    /// Waits until the screen shows a text.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?}"), |state| state.terminal.screen().contents().contains(text));
    }

    /// Waits until the bytes written so far contain these.
    pub(crate) fn wait_for_bytes(&self, part: &[u8]) {
        self.wait_for_bytes_after(0, part);
    }

    /// Waits until the output contains `part` after its first `start` bytes.
    pub(crate) fn wait_for_bytes_after(&self, start: usize, part: &[u8]) {
        let what = part.escape_ascii().to_string();
        self.wait_until(&what, |state| state.bytes[start..].windows(part.len()).any(|bytes| bytes == part));
    }

    /// Waits until the screen no longer shows a text.
    pub(crate) fn wait_until_gone(&self, text: &str) {
        self.wait_until(&format!("end of {text:?}"), |state| !state.terminal.screen().contents().contains(text));
    }

    /// Waits until the screen shows exactly these rows.
    pub(crate) fn wait_for_styled_rows(&self, rows: &[String]) {
        self.wait_until("equal picture", |state| styled_rows_of(state.terminal.screen()) == rows);
    }

    /// Waits until the program has written nothing for this long.
    pub(crate) fn wait_until_quiet(&self, quiet: Duration) {
        let deadline = Instant::now() + TIMEOUT;
        while self.bytes_within(quiet) > 0 {
            assert!(Instant::now() < deadline, "the program does not stop writing:\n{}", self.screen());
        }
    }

    /// Waits this long, or until the program writes or ends, and returns how many bytes it wrote.
    pub(crate) fn bytes_within(&self, time: Duration) -> usize {
        let state = self.shared.lock();
        let before = state.bytes.len();
        let (state, _) =
            self.shared.wait_while(state, time, |state| state.bytes.len() == before && state.exit.is_none());
        state.bytes.len() - before
    }

    /// True if the program ends within this time.
    pub(crate) fn exits_within(&self, time: Duration) -> bool {
        let (state, _) = self.shared.wait_while(self.shared.lock(), time, |state| state.exit.is_none());
        state.exit.is_some()
    }

    /// Waits for the end of the program, and for the end of its output unless reading is paused.
    pub(crate) fn wait_exit(&self) -> ProcessExit {
        let is_over =
            |state: &PtyState| state.exit.is_some() && (state.is_output_ended || state.is_paused || state.is_hung_up);
        self.wait_until("end", is_over);
        self.shared.lock().exit.expect("the program ended")
    }

    fn wait_until(&self, what: &str, is_met: impl Fn(&PtyState) -> bool) {
        let is_over = |state: &PtyState| state.is_output_ended && state.exit.is_some();
        let (state, timeout) =
            self.shared.wait_while(self.shared.lock(), TIMEOUT, |state| !is_met(state) && !is_over(state));
        let screen = state.terminal.screen().contents();
        let (is_met, exit) = (is_met(&state), state.exit);
        drop(state);
        assert!(is_met, "no {what} (timed out: {}, exit: {exit:?}) on this screen:\n{screen}", timeout.timed_out());
    }

    /// The text on the screen.
    pub(crate) fn screen(&self) -> String {
        self.shared.lock().terminal.screen().contents()
    }

    /// The text on the screen without the invisible blanks at the ends of rows.
    pub(crate) fn text(&self) -> String {
        self.screen().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// The rows with their styles, and the position of the cursor.
    pub(crate) fn styled_rows(&self) -> Vec<String> {
        self.with_screen(styled_rows_of)
    }

    /// Calls `look` with the model of the terminal.
    pub(crate) fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.shared.lock().terminal.screen())
    }

    /// All bytes the program wrote.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.shared.lock().bytes.clone()
    }

    /// True if a scroll region is set, so that only a part of the screen would scroll.
    pub(crate) fn has_scroll_region(&self) -> bool {
        let (rows, columns) = self.with_screen(vt100::Screen::size);
        let mut terminal = vt100::Parser::new(rows, columns, 0);
        terminal.process(&self.bytes());
        terminal.process(format!("\x1b[2J\x1b[H*\x1b[{rows}H\n").as_bytes());
        terminal.screen().contents().contains('*')
    }

    /// False after [`Self::hang_up`].
    pub(crate) fn is_connected(&self) -> bool {
        self.master.is_some()
    }

    /// The process that was started. If that is a shell, the process that the shell started.
    pub(crate) fn program(&self) -> Process {
        let children = String::from_utf8(self.proc_file(&format!("task/{}/children", self.pid))).expect("numbers");
        let child = children.split_whitespace().next().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        Process(child.unwrap_or(self.pid))
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&self, size: (u16, u16)) {
        self.shared.lock().terminal.screen_mut().set_size(non_zero(size.1), non_zero(size.0));
        let master = self.master.as_ref().expect("the terminal is open");
        master.resize(pty_size(size)).expect("the terminal can be resized");
    }

    /// Sends a signal to the program, if it is still there.
    pub(crate) fn kill(&self, signal: Signal) {
        // The lock is held so that the process is not reaped in between, which would free its ID for another process.
        let state = self.shared.lock();
        if state.exit.is_none() {
            rustix::process::kill_process(self.pid, signal).expect("the program exists");
        }
    }

    /// Stops reading what the program writes, like a terminal whose connection hangs.
    pub(crate) fn stop_reading(&self) {
        self.shared.update(|state| state.is_paused = true);
    }

    /// Waits until the program has filled the buffer of the terminal, after [`Self::stop_reading`].
    pub(crate) fn wait_until_pty_full(&self) {
        let master = self.master.as_ref().expect("the terminal is open");
        let tty = open_tty(&**master).expect("the terminal opens");
        let deadline = Instant::now() + TIMEOUT;
        while !(self.shared.lock().is_reader_paused && is_pty_full(&tty)) {
            assert!(Instant::now() < deadline, "the buffer does not fill");
        }
    }

    /// Makes the program fill the buffer of the terminal: sends a key that makes it draw much, until it blocks.
    pub(crate) fn fill_pty(&mut self, key: &str) {
        self.stop_reading();
        let tty = open_tty(&**self.master.as_ref().expect("the terminal is open")).expect("the terminal opens");
        let deadline = Instant::now() + TIMEOUT;
        // One check is not enough: the kernel moves data between its buffers with a delay, which makes room again.
        let mut times_full = 0;
        while times_full < 3 {
            assert!(Instant::now() < deadline, "the buffer does not fill");
            let is_full = self.shared.lock().is_reader_paused && is_pty_full(&tty);
            times_full = if is_full { times_full + 1 } else { 0 };
            self.send(key);
        }
    }

    /// Starts reading again.
    pub(crate) fn resume_reading(&self) {
        self.shared.update(|state| state.is_paused = false);
    }

    /// Closes the terminal under the program.
    pub(crate) fn hang_up(&mut self) {
        self.shared.update(|state| state.is_hung_up = true);
        if let Some(reader) = self.reader.take() {
            // The reader keeps the terminal open, too, and may block in a read until something arrives.
            let _nudge = self.master.as_ref().and_then(|master| unblock_reader(&**master));
            reader.join().expect("the reader ends");
        }
        self.writer = None;
        self.master = None;
    }

    /// A file of the program in `/proc`.
    pub(crate) fn proc_file(&self, name: &str) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/{name}", self.pid)).expect("the program exists")
    }

    /// The memory of the program, which only root may read.
    pub(crate) fn memory(&self) -> std::fs::File {
        std::fs::File::open(format!("/proc/{}/mem", self.pid)).expect("root may read it")
    }

    /// The name of the program's side of the terminal.
    pub(crate) fn tty_name(&self) -> String {
        let name = self.master.as_ref().and_then(|master| master.tty_name());
        name.and_then(|name| name.to_str().map(str::to_owned)).expect("a terminal name in UTF-8")
    }

    /// The modes of the terminal before the program started, as text.
    pub(crate) fn initial_modes(&self) -> &str {
        &self.initial_modes
    }

    /// The modes of the terminal now, as text.
    pub(crate) fn modes(&self) -> String {
        modes_of(&**self.master.as_ref().expect("the terminal is open"))
    }
}

impl Drop for PtySession {
    fn drop(&mut self) {
        self.kill(Signal::KILL);
        self.hang_up();
    }
}

fn styled_rows_of(screen: &vt100::Screen) -> Vec<String> {
    let (rows, columns) = screen.size();
    let cell = |y, x| {
        let cell = screen.cell(y, x)?;
        let text = if cell.contents().is_empty() { " " } else { cell.contents() };
        let mut marks = String::new();
        // A blank has a weight that can be seen only if it is reversed.
        let is_bold = cell.bold() && (text != " " || cell.inverse());
        for (is_on, mark) in [(cell.inverse(), '\u{7}'), (is_bold, '\u{2}')] {
            marks.extend(is_on.then_some(mark));
        }
        let is_colored = text != " " && cell.fgcolor() != vt100::Color::Default;
        let color = if is_colored { format!("{:?}", cell.fgcolor()) } else { String::new() };
        Some(format!("{marks}{color}{text}"))
    };
    let row = |y| (0..columns.into()).filter_map(|x| cell(y, x)).collect::<String>().trim_end().to_owned();
    let cursor = format!("{:?} hidden: {}", screen.cursor_position(), screen.hide_cursor());
    (0..rows.into()).map(row).chain([cursor]).collect()
}

fn modes_of(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("terminal modes"))
}

/// The program's side of the terminal, opened a second time.
fn open_tty(master: &dyn MasterPty) -> Option<File> {
    let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("flags are small");
    File::options().write(true).custom_flags(flags).open(master.tty_name()?).ok()
}

/// True if nothing can be written for 0.1 s. A shorter check is not enough, because any write blocks all others.
fn is_pty_full(tty: &File) -> bool {
    let timeout = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    rustix::event::poll(&mut [PollFd::new(tty, PollFlags::OUT)], Some(&timeout)) == Ok(0)
}

/// Writes a byte from the program's side. The terminal stays open on that side as long as the returned file lives.
fn unblock_reader(master: &dyn MasterPty) -> Option<File> {
    let mut tty = open_tty(master)?;
    // If the buffer is full, the reader has something to read anyway.
    tty.write_all(b"\0").unwrap_or_default();
    Some(tty)
}

fn read_output(mut reader: Box<dyn Read + Send>, shared: &SharedPtyState) {
    let mut bytes = [0; 4096];
    loop {
        let state = shared
            .changed
            .wait_while(shared.lock(), |state| {
                state.is_reader_paused = state.is_paused && !state.is_hung_up;
                state.is_reader_paused
            })
            .unwrap_or_else(PoisonError::into_inner);
        let is_hung_up = state.is_hung_up;
        drop(state);
        let count = if is_hung_up { 0 } else { reader.read(&mut bytes).unwrap_or(0) };
        let mut is_ended = false;
        shared.update(|state| {
            state.bytes.extend_from_slice(&bytes[..count]);
            state.terminal.process(&bytes[..count]);
            is_ended = count == 0 || state.is_hung_up;
            state.is_output_ended = is_ended;
        });
        if is_ended {
            return;
        }
    }
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn non_zero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN)
}

/// Asserts that the terminal is as it was before the program started.
pub(crate) fn assert_terminal_restored(session: &PtySession) {
    assert_eq!(session.modes(), session.initial_modes());
    session.with_screen(|screen| {
        assert!(!screen.alternate_screen(), "the alternate screen is shown");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is on");
        assert!(!screen.inverse() && !screen.bold(), "styles are set");
    });
    assert!(!session.has_scroll_region(), "a scroll region is set");
}

//! Performs effects: sends commands to the worker, and does what only the terminal can do.
//!
//! It decides nothing, and waits only while another program has the terminal.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;

use super::{ConsoleExit, ConsoleRuntime};
use crate::console::app::Msg;
use crate::console::effect::{Effect, MAX_CLIPBOARD_BYTES, ScreenCommand, WorkCommand};
use crate::console::shared::Environment;
use crate::domain::pin::Pin;

/// How long a suspend waits for a write of the journal: the operator waits for their shell.
const JOURNAL_PAUSE_TIMEOUT: Duration = Duration::from_secs(5);

impl ConsoleRuntime {
    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Work(command) => self.send_work_command(command),
                Effect::Screen(command) => self.run_screen_command(command),
            }
        }
    }

    fn run_screen_command(&mut self, command: ScreenCommand) {
        match command {
            ScreenCommand::GeneratePin { display_number } => {
                let pin = Pin::random(display_number.as_deref()).ok();
                self.update(Msg::PinGenerated(pin), self.clock.now());
            }
            ScreenCommand::ReadToken => self.read_token(),
            ScreenCommand::Copy(text) => self.copy(&text),
            ScreenCommand::Bell => self.write_to_terminal(b"\x07"),
            ScreenCommand::Redraw => self.terminal.invalidate(),
            ScreenCommand::Suspend => self.suspend(),
            ScreenCommand::OpenDemo => self.exit = Some(ConsoleExit::OpenDemo),
            // After a signal, the watcher ends the process with the signal's exit code.
            ScreenCommand::Quit if self.is_shutting_down => {}
            ScreenCommand::Quit => {
                // What a demo left behind is gone.
                let is_kept = self.app.session().environment != Environment::Demo;
                let in_doubt = if is_kept { self.app.in_doubt_list().number_count() } else { 0 };
                let not_sent = if is_kept { self.app.not_sent_here() } else { 0 };
                self.exit = Some(ConsoleExit::Quit { in_doubt, not_sent });
            }
        }
    }

    fn send_work_command(&self, command: WorkCommand) {
        if let Some(work) = &self.worker {
            work.send(command);
        }
    }

    /// Restores the terminal and suspends, with nothing sent and nothing locked until a shell resumes the program.
    pub(super) fn suspend(&mut self) {
        // Nothing is written while the guard lives: a suspended process must not keep others from writing. If the
        // process must end, it waits for the last outcomes to be recorded.
        let worker = self.worker.as_ref();
        let pause_worker = || worker?.pause().recv_timeout(JOURNAL_PAUSE_TIMEOUT).ok();
        let resumed = self.terminal.suspend(pause_worker, || self.is_termination_requested.load(Ordering::SeqCst));
        match resumed {
            Ok(true) => {
                self.decoder.reset();
                if let Some(worker) = &self.worker {
                    worker.resume();
                }
                self.update(Msg::Resumed, self.clock.now());
            }
            // The watcher ends the process. Nothing new is sent meanwhile.
            Ok(false) => {}
            Err(_) => self.exit = Some(ConsoleExit::TerminalLost),
        }
    }

    fn read_token(&mut self) {
        let read = if self.token_reader.may_prompt {
            let Ok(read) = self.terminal.release_while(&self.token_reader.read) else {
                self.exit = Some(ConsoleExit::TerminalLost);
                return;
            };
            self.decoder.reset();
            read
        } else {
            (self.token_reader.read)()
        };
        let result = read.map(|credentials| {
            if let Some(worker) = &self.worker {
                worker.use_credentials(credentials);
            }
        });
        self.update(Msg::TokenRead(result), self.clock.now());
    }

    /// Copies text to the terminal's clipboard (OSC 52). Never called with a PIN.
    fn copy(&mut self, text: &str) {
        if text.len() <= MAX_CLIPBOARD_BYTES {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            self.write_to_terminal(wrap_for_multiplexer(&format!("\x1b]52;c;{encoded}\x07")).as_bytes());
        }
    }

    fn write_to_terminal(&mut self, bytes: &[u8]) {
        if self.terminal.write_raw(bytes).is_err() {
            self.exit = Some(ConsoleExit::TerminalLost);
        }
    }
}

/// Wraps a sequence so that tmux or screen passes it on to the outer terminal.
fn wrap_for_multiplexer(sequence: &str) -> String {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("TMUX") {
        format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
    } else if is_set("STY") {
        format!("\x1bP{sequence}\x1b\\")
    } else {
        sequence.to_owned()
    }
}

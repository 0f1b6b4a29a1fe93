//! The question of a job whose numbers are refused with a code that pindesk does not know: whether to send the rest.
//!
//! It is answered on a thread of its own, so that a signal ends the job while the question is open.

use std::thread;

use crate::cli::checks::is_count;
use crate::cli::confirm;
use crate::cli::output::table;
use crate::jobs::{JobsHandle, UnknownRefusals};

/// Asks on the terminal, and returns at once. Without an answer the rest is not sent.
pub(crate) fn ask(question: UnknownRefusals, jobs: &JobsHandle) {
    let (answers, code) = (jobs.clone(), question.code);
    let asked = thread::Builder::new().name("question".to_owned()).spawn(move || {
        let answer = confirm::ask(&text(question)).unwrap_or_default();
        answers.answer(code, is_count(&answer, question.left));
    });
    if asked.is_err() {
        jobs.answer(code, false);
    }
}

fn text(UnknownRefusals { code, refused, left }: UnknownRefusals) -> String {
    let refused = table::numbers_label(refused);
    let others = if left == 1 { "the other one".to_owned() } else { format!("the other {left}") };
    format!(
        "{refused} in a row were refused with code {code}, which pindesk does not know. Send {others}?\n\
         Type the count of numbers to send them, or press Enter to stop: "
    )
}

//! A WABA that could not be read: why, what to do, and what the title says of the connection.

use pindesk::console::app::Msg;
use pindesk::domain::outcome::{ApiError, ReadFailure, ReplyForm};
use pindesk::domain::text::CleanText;

use crate::support::app_fixture::{AppFixture, number, recording_with_escrow, waba};

fn permission_missing() -> ReadFailure {
    ReadFailure::Api(ApiError {
        http_status: 403,
        code: 200,
        subcode: None,
        message: CleanText::new("(#200) Permissions error"),
        details: None,
        user_title: None,
        user_message: None,
        trace_id: Some(CleanText::new("AbC")),
        is_transient: false,
    })
}

/// The console after a refresh in which its only WABA could not be read.
fn unread(failure: ReadFailure) -> AppFixture {
    let mut console = AppFixture::new((120, 36));
    console.open_recording(recording_with_escrow(), Vec::new(), &[]);
    console.sees("connecting").update(Msg::WabaRead { refresh_id: 1, waba: waba(), result: Err(failure) });
    console.update(Msg::RefreshFinished { refresh_id: 1 });
    console
}

#[test]
fn the_messages_say_what_to_do_about_an_unread_waba() {
    let mut console = unread(permission_missing());
    console.update(Msg::PageReceived { refresh_id: 1, numbers: vec![number(0)] });
    console.press('m').sees("could not be read: the access token may not read this WABA.");
    console
        .sees("assign the WABA to the system user.")
        .sees("Meta said: (#200) Permissions error; Code, HTTP: 200, 403; Trace ID: AbC");
}

#[test]
fn a_title_does_not_say_connecting_after_a_reply() {
    let unexpected = |form| ReadFailure::UnexpectedReply { http_status: 403, form };
    for (failure, label) in [
        (permission_missing(), "online"),
        (unexpected(ReplyForm::WebPage), "unexpected reply"),
        (unexpected(ReplyForm::ForeignError(None)), "unexpected reply"),
        (ReadFailure::NoAnswer, "OFFLINE since"),
    ] {
        unread(failure).sees(label).does_not_see("connecting");
    }
}

//! Meta's own words about an error, each with its label: for a page, a command and a ticket.
//!
//! It does not explain them. Each text is the last of its line, and isolated if it runs from right to left.

use crate::domain::outcome::ApiError;
use crate::domain::text::CleanText;

/// Words of Meta under a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabeledWords {
    /// What they are.
    pub label: &'static str,
    /// The words.
    pub text: String,
}

impl LabeledWords {
    /// The words as a line of text.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { label, text } = self;
        format!("{label}: {text}")
    }
}

/// What Meta said about an error in words, for programmers and for people. The message is the first.
#[must_use]
pub fn meta_texts(error: &ApiError) -> Vec<LabeledWords> {
    let texts = [
        ("Meta said", Some(&error.message)),
        ("Details", error.details.as_ref()),
        ("Title", error.user_title.as_deref()),
        ("User message", error.user_message.as_deref()),
    ];
    let words =
        |(label, text): (_, Option<&CleanText>)| Some(LabeledWords { label, text: text?.isolated().into_owned() });
    texts.into_iter().filter_map(words).collect()
}

/// The same, then the codes and the trace ID.
#[must_use]
pub fn meta_words(error: &ApiError) -> Vec<LabeledWords> {
    let code = error.subcode.map_or_else(|| error.code.to_string(), |subcode| format!("{}/{subcode}", error.code));
    let trace_id = error.trace_id.as_ref().map_or("none".into(), CleanText::isolated).into_owned();
    let mut words = meta_texts(error);
    words.push(LabeledWords { label: "Code, HTTP", text: format!("{code}, {}", error.http_status) });
    words.push(LabeledWords { label: "Trace ID", text: trace_id });
    words
}

/// [`meta_words`] as lines of text.
#[must_use]
pub fn meta_lines(error: &ApiError) -> Vec<String> {
    meta_words(error).iter().map(LabeledWords::line).collect()
}

/// The text of an error that is not Graph's, with its label.
#[must_use]
pub fn server_words(text: &CleanText) -> LabeledWords {
    LabeledWords { label: "The server said", text: text.isolated().into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_meta_has_a_line_of_its_own() {
        let text = |text| Some(Box::new(CleanText::new(text)));
        let full = ApiError {
            http_status: 400,
            code: 133_008,
            subcode: Some(7),
            message: CleanText::new("(#133008) Too many"),
            details: Some(CleanText::new("Wait 3600 seconds")),
            user_title: text("Zu viele Versuche"),
            user_message: text("המתן שעה."),
            trace_id: Some(CleanText::new("AbC")),
            is_transient: false,
        };
        let lines = meta_lines(&full).join("\n");
        assert_eq!(
            lines,
            "Meta said: (#133008) Too many\nDetails: Wait 3600 seconds\nTitle: Zu viele Versuche\n\
             User message: \u{2068}המתן שעה.\u{2069}\nCode, HTTP: 133008/7, 400\nTrace ID: AbC"
        );
        let bare =
            ApiError { subcode: None, details: None, user_title: None, user_message: None, trace_id: None, ..full };
        assert_eq!(meta_lines(&bare), ["Meta said: (#133008) Too many", "Code, HTTP: 133008, 400", "Trace ID: none"]);
    }
}

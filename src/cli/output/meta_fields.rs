//! What Meta reported, as scripts see it.
//!
//! It prints nothing.

use serde::Serialize;

use crate::domain::outcome::ApiError;
use crate::domain::text::CleanText;

/// The codes of an error, and Meta's words exactly: for JSON only.
#[derive(Debug, Default, Serialize)]
pub(crate) struct MetaFields<'a> {
    pub(crate) code: Option<i64>,
    pub(crate) subcode: Option<i64>,
    pub(crate) http_status: Option<u16>,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    pub(crate) details: Option<&'a str>,
    pub(crate) user_title: Option<&'a str>,
    pub(crate) user_message: Option<&'a str>,
}

impl<'a> MetaFields<'a> {
    /// The fields of an error, if Meta reported one.
    pub(crate) fn of(error: Option<&'a ApiError>) -> Self {
        let Some(error) = error else { return Self::default() };
        let original = |text: Option<&'a CleanText>| text.map(CleanText::original);
        Self {
            code: Some(error.code),
            subcode: error.subcode,
            http_status: Some(error.http_status),
            trace_id: original(error.trace_id.as_ref()),
            message: Some(error.message.original()),
            details: original(error.details.as_ref()),
            user_title: original(error.user_title.as_deref()),
            user_message: original(error.user_message.as_deref()),
        }
    }
}

//! Chooses which fields of a number to request, and turns a reply into a [`Number`].
//!
//! Graph refuses a whole read because of one unknown field name. So the list is short, and it shrinks permanently when
//! Graph names a field that this app or version does not have. A field that is absent or has the wrong type is unknown:
//! it never means "off", and never makes the rest of the page unusable.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, NumberDetails, PhoneNumberId, TwoStep, Waba};
use crate::domain::outcome::ApiError;
use crate::domain::text::CleanText;
use crate::graph::json::Json;
use crate::graph::{GraphPage, PageCursor};

/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/whatsapp-business-account-phone-number-api.
const FIELD_NAMES: [&str; 10] = [
    "id",
    "display_phone_number",
    "verified_name",
    "is_pin_enabled",
    "status",
    "code_verification_status",
    "quality_rating",
    "name_status",
    "platform_type",
    "account_mode",
];

const ALL_FIELDS: u16 = (1 << FIELD_NAMES.len()) - 1;

/// The first four, without which a list is useless. pindesk requests only these if Graph refuses a field without naming
/// it.
const MINIMAL_FIELDS: u16 = 0b1111;

/// Graph returns `id` whether it is requested or not, so Graph cannot refuse it.
const ID_FIELD: u16 = 1;

/// A set of fields, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldSet(u16);

impl FieldSet {
    /// The value of the `fields` parameter.
    pub(super) fn query_value(self) -> String {
        let names: Vec<&str> =
            FIELD_NAMES.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name).collect();
        names.join(",")
    }

    /// The fields to request after this refusal: a smaller set, or `None` if fewer fields would not help.
    ///
    /// Graph's message is `(#100) Tried accessing nonexisting field (x) on node type (y)`.
    pub(super) fn without_refused(self, refusal: &ApiError) -> Option<Self> {
        const MARKER: &str = "nonexisting field (";
        let message = refusal.message.as_str();
        if refusal.code != 100 || !message.contains("nonexisting field") {
            return None;
        }
        let refused_name = message.split_once(MARKER).and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name);
        let bit = FIELD_NAMES.iter().position(|field| Some(*field) == refused_name).map_or(0, |at| 1 << at);
        let without_name = self.0 & !(bit & !ID_FIELD);
        let fewer = if without_name == self.0 { self.0 & MINIMAL_FIELDS } else { without_name };
        (fewer != self.0).then_some(Self(fewer))
    }
}

/// The fields that this Graph has. The set only shrinks.
#[derive(Debug)]
pub(super) struct KnownFields(AtomicU16);

impl Default for KnownFields {
    fn default() -> Self {
        Self(AtomicU16::new(ALL_FIELDS))
    }
}

impl KnownFields {
    pub(super) fn get(&self) -> FieldSet {
        FieldSet(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn retain(&self, fields: FieldSet) {
        self.0.fetch_and(fields.0, Ordering::Relaxed);
    }
}

/// Parses numbers. Numbers of one page that have equal details share them in memory.
pub(super) struct NumberParser<'a, F> {
    pub(super) waba: Option<&'a Arc<Waba>>,
    pub(super) read_at: UtcTime,
    pub(super) redact: F,
    interned_details: HashSet<Arc<NumberDetails>>,
}

impl<'a, F: Fn(&str) -> CleanText> NumberParser<'a, F> {
    pub(super) fn new(waba: Option<&'a Arc<Waba>>, read_at: UtcTime, redact: F) -> Self {
        Self { waba, read_at, redact, interned_details: HashSet::new() }
    }

    /// Parses one number; `None` if it has no id of 1 to 23 digits as text.
    pub(super) fn parse_number(&mut self, row: &Json<'_>) -> Option<Number> {
        let id: PhoneNumberId = row.get("id")?.as_str()?.parse().ok()?;
        Some(Number {
            id,
            waba: self.waba.cloned(),
            display_number: self.text_field(row, "display_phone_number").map(CleanText::without_outer_marks),
            name: self.text_field(row, "verified_name"),
            two_step: TwoStep::from_is_pin_enabled(row.get("is_pin_enabled").and_then(Json::as_bool)),
            details: self.intern_details(row),
            read_at: Some(self.read_at),
        })
    }

    /// Parses a page of a list; `None` if it is not one.
    ///
    /// Counts and leaves out a row without a usable ID, because no request could name it.
    pub(super) fn parse_page(&mut self, json: &Json<'_>) -> Option<GraphPage> {
        let rows = json.get("data")?.as_array()?;
        let numbers: Vec<Number> = rows.iter().filter_map(|row| self.parse_number(row)).collect();
        Some(GraphPage { skipped: rows.len() - numbers.len(), numbers, next: next_cursor(json) })
    }

    /// The text of a field. An empty text counts as absent.
    fn text_field(&self, row: &Json<'_>, field: &str) -> Option<CleanText> {
        row.get(field).and_then(Json::as_str).filter(|text| !text.is_empty()).map(&self.redact)
    }

    fn intern_details(&mut self, row: &Json<'_>) -> Arc<NumberDetails> {
        let details = NumberDetails {
            status: self.text_field(row, "status"),
            quality_rating: self.text_field(row, "quality_rating"),
            code_verification_status: self.text_field(row, "code_verification_status"),
            name_status: self.text_field(row, "name_status"),
            platform_type: self.text_field(row, "platform_type"),
            account_mode: self.text_field(row, "account_mode"),
        };
        if let Some(known) = self.interned_details.get(&details) {
            return Arc::clone(known);
        }
        let details = Arc::new(details);
        self.interned_details.insert(Arc::clone(&details));
        details
    }
}

/// Where the list continues. The last page has cursors too, so `paging.next` must be present. pindesk never follows
/// that link, because it may lead to another host and may carry the token.
///
/// Source: developers.facebook.com/docs/graph-api/results.
fn next_cursor(json: &Json<'_>) -> Option<PageCursor> {
    let paging = json.get("paging")?;
    let is_not_empty = |text: &&str| !text.is_empty();
    paging.get("next")?.as_str().filter(is_not_empty)?;
    paging.get("cursors")?.get("after")?.as_str().filter(is_not_empty).map(PageCursor::new)
}

//! Chooses which fields of a number to request, and turns a reply into a [`Number`].
//!
//! Graph refuses a whole read because of one unknown field name. So the list is short, and it becomes shorter for an
//! object when Graph names a field that the object does not have. That says nothing about other objects. A field that is
//! absent or has the wrong type is unknown: it never means "off", and never makes the rest of the page unusable.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::domain::clock::UtcTime;
use crate::domain::number::{Number, NumberDetails, PhoneNumberId, TwoStep, Waba};
use crate::domain::outcome::{ApiError, ObjectKind};
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

/// The display number and the two-step status. Every number has them, so pindesk never reads a number without them.
const REQUIRED_FIELDS: u16 = 0b1010;

const DISPLAY_NUMBER_FIELD: &str = "display_phone_number";

/// The edge that only a WABA has.
const LIST_EDGE: &str = "phone_numbers";

/// The parameters with which a list of Graph continues, the usual one first.
const CONTINUATION_PARAMETERS: [&str; 3] = ["after", "offset", "__after_id"];

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

    /// What to do after this refusal, when an object of this kind was read.
    ///
    /// Graph's message is `(#100) Tried accessing nonexisting field (x) on node type (y)`. An ID of another kind has
    /// another node type, and lacks what every number or WABA has.
    pub(super) fn after_refusal(self, refusal: &ApiError, kind: ObjectKind) -> FieldRefusal {
        let message = refusal.message.as_str();
        if refusal.code != 100 || !message.contains("nonexisting field") {
            return FieldRefusal::Final;
        }
        let refused_name = text_in_parentheses(message, "nonexisting field (");
        let node_type = text_in_parentheses(message, "on node type (");
        let is_foreign_node = match (kind, node_type) {
            (ObjectKind::PhoneNumber, Some(name)) => ObjectKind::of_node_type(name) != Some(ObjectKind::PhoneNumber),
            (ObjectKind::PhoneNumber, None) => refused_name == Some(DISPLAY_NUMBER_FIELD),
            (ObjectKind::Waba, Some(name)) => {
                refused_name == Some(LIST_EDGE) && ObjectKind::of_node_type(name) != Some(ObjectKind::Waba)
            }
            (ObjectKind::Waba, None) => refused_name == Some(LIST_EDGE),
        };
        if is_foreign_node {
            return FieldRefusal::WrongKind(node_type.map(CleanText::new));
        }
        let bit = FIELD_NAMES.iter().position(|field| Some(*field) == refused_name).map_or(0, |at| 1 << at);
        if bit & REQUIRED_FIELDS != 0 {
            return FieldRefusal::Final;
        }
        let without_name = self.0 & !(bit & !ID_FIELD);
        let fewer = if without_name == self.0 { self.0 & MINIMAL_FIELDS } else { without_name };
        if fewer == self.0 { FieldRefusal::Final } else { FieldRefusal::Fewer(Self(fewer)) }
    }
}

/// The text between a marker, which ends with a parenthesis, and the closing one.
fn text_in_parentheses<'a>(message: &'a str, marker: &str) -> Option<&'a str> {
    message.split_once(marker)?.1.split_once(')').map(|(text, _)| text)
}

/// What to do after Graph refused the name of a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FieldRefusal {
    /// Request these fields.
    Fewer(FieldSet),
    /// The object is of another kind, with this node type.
    WrongKind(Option<CleanText>),
    /// Report it: fewer fields would not help, or a list without them would be useless.
    Final,
}

/// The fields that objects lack. The fields of an object only become fewer.
#[derive(Debug, Default)]
pub(super) struct KnownFields(Mutex<HashMap<Box<str>, FieldSet>>);

impl KnownFields {
    /// The fields to request of a node.
    pub(super) fn of_node(&self, node: &str) -> FieldSet {
        self.lock().get(node).copied().unwrap_or(FieldSet(ALL_FIELDS))
    }

    pub(super) fn remember(&self, node: &str, fields: FieldSet) {
        let mut known = self.lock();
        let fewer = known.get(node).map_or(fields.0, |known| known.0 & fields.0);
        known.insert(node.into(), FieldSet(fewer));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, FieldSet>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Parses one number; `None` if it has no ID of 1 to 23 digits, as text or as an integer.
    pub(super) fn parse_number(&mut self, row: &Json<'_>) -> Option<Number> {
        let id = row.get("id")?;
        let id: PhoneNumberId = match (id.as_str(), id.as_i64()) {
            (Some(text), _) => text.parse().ok()?,
            (None, Some(integer)) => integer.to_string().parse().ok()?,
            (None, None) => return None,
        };
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
        let (next, is_cut_off) = continuation(json);
        Some(GraphPage { skipped: rows.len() - numbers.len(), numbers, next, is_cut_off })
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

/// Where the list continues, and whether it continues at an unknown place. The last page has cursors too, so
/// `paging.next` must be present. pindesk never follows that link, because it may lead to another host and may carry the
/// token. It takes one parameter from the link if there is no cursor.
///
/// Source: developers.facebook.com/docs/graph-api/results.
pub(super) fn continuation(json: &Json<'_>) -> (Option<PageCursor>, bool) {
    let non_empty_text =
        |value: Option<&Json<'_>>| value.and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(paging) = json.get("paging") else { return (None, false) };
    let Some(link) = non_empty_text(paging.get("next")) else { return (None, false) };
    let cursor = non_empty_text(paging.get("cursors").and_then(|cursors| cursors.get("after")));
    let next = cursor.map(|after| PageCursor { parameter: CONTINUATION_PARAMETERS[0], value: after.into() });
    let next = next.or_else(|| continuation_of_link(&link));
    let is_cut_off = next.is_none();
    (next, is_cut_off)
}

fn continuation_of_link(link: &str) -> Option<PageCursor> {
    let link = Url::parse(link).ok()?;
    CONTINUATION_PARAMETERS.into_iter().find_map(|parameter| {
        let (_, value) = link.query_pairs().find(|(name, value)| name == parameter && !value.is_empty())?;
        Some(PageCursor { parameter, value: value.into() })
    })
}

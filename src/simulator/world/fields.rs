//! Defines the fields of a phone number and of a WABA, and gives each field a plausible value.
//!
//! It has every field that Meta documents, because one unknown name fails the whole read. It does not handle requests:
//! the world selects the object and the fields.

use std::borrow::Cow;

use super::generator::{self, Attribute, WorldGenerator};
use super::response::{GraphError, write_json_string};

/// One number in its current state.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberView {
    pub generator: WorldGenerator,
    pub index: usize,
    pub waba: usize,
    /// The value of `is_pin_enabled`; `None` if Meta does not report it to this app.
    pub two_step: Option<bool>,
    pub is_registered: bool,
}

/// One WABA.
#[derive(Debug, Clone, Copy)]
pub(super) struct WabaView {
    pub waba: usize,
}

/// The value of a field.
#[derive(Debug)]
pub(super) enum FieldValue {
    /// The response does not have the key.
    Absent,
    Text(Cow<'static, str>),
    Bool(bool),
    /// An object or `null`, encoded as JSON.
    Json(String),
}

/// The name of a field, and the function that reads its value from a node.
pub(super) type NodeField<Node> = (&'static str, fn(&Node) -> FieldValue);

/// A kind of node: all of its fields, and those that a request without `fields` returns.
pub(super) trait Node: Sized + 'static {
    const FIELDS: &'static [NodeField<Self>];
    const DEFAULT_FIELDS: &'static str;
    /// What Graph calls this kind of node.
    const TYPE: &'static str;
}

/// Selects the fields of a response: each requested field once, and always `id`.
pub(super) fn select_fields<N: Node>(requested: Option<&str>) -> Result<Vec<&'static NodeField<N>>, GraphError> {
    let requested = requested.filter(|fields| !fields.trim().is_empty()).unwrap_or(N::DEFAULT_FIELDS);
    let mut selected: Vec<&'static NodeField<N>> = Vec::new();
    for name in requested.split(',').map(str::trim).chain(["id"]) {
        let field =
            N::FIELDS.iter().find(|field| field.0 == name).ok_or_else(|| GraphError::no_such_field(name, N::TYPE))?;
        if !selected.iter().any(|existing| existing.0 == name) {
            selected.push(field);
        }
    }
    Ok(selected)
}

/// Writes the node as one JSON object, directly into the body, because the simulator serves a thousand list pages a
/// second.
pub(super) fn write_node<N: Node>(out: &mut Vec<u8>, fields: &[&NodeField<N>], node: &N) {
    out.push(b'{');
    let start = out.len();
    for (name, read) in fields {
        let value = read(node);
        if matches!(value, FieldValue::Absent) {
            continue;
        }
        if out.len() > start {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            FieldValue::Absent => {}
            FieldValue::Text(text) => write_json_string(out, &text),
            FieldValue::Bool(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
            FieldValue::Json(json) => out.extend_from_slice(json.as_bytes()),
        }
    }
    out.push(b'}');
}

const fn static_text(text: &'static str) -> FieldValue {
    FieldValue::Text(Cow::Borrowed(text))
}

const fn owned_text(text: String) -> FieldValue {
    FieldValue::Text(Cow::Owned(text))
}

fn null() -> FieldValue {
    FieldValue::Json("null".to_owned())
}

impl NumberView {
    fn pick(&self, attribute: Attribute, choices: &[(u64, &'static str)]) -> &'static str {
        self.generator.pick(self.index, attribute, choices)
    }

    fn status(&self) -> &'static str {
        if !self.is_registered {
            return "PENDING";
        }
        let choices = [
            (900, "CONNECTED"),
            (30, "FLAGGED"),
            (25, "DISCONNECTED"),
            (15, "RESTRICTED"),
            (10, "RATE_LIMITED"),
            (8, "BANNED"),
            (6, "MIGRATED"),
            (4, "UNKNOWN"),
            // Meta has not published this value: a client must show values that it does not know.
            (2, "UNDER_REVIEW_2027"),
        ];
        self.pick(Attribute::Status, &choices)
    }

    fn quality_rating(&self) -> &'static str {
        if !self.is_registered {
            return "UNKNOWN";
        }
        self.pick(Attribute::Quality, &[(80, "GREEN"), (10, "YELLOW"), (4, "RED"), (3, "UNKNOWN"), (3, "NA")])
    }

    fn code_verification(&self) -> &'static str {
        if !self.is_registered {
            return "NOT_VERIFIED";
        }
        self.pick(Attribute::CodeVerification, &[(55, "VERIFIED"), (42, "EXPIRED"), (3, "NOT_VERIFIED")])
    }

    fn name_status(&self) -> &'static str {
        let choices = [
            (85, "APPROVED"),
            (6, "AVAILABLE_WITHOUT_REVIEW"),
            (4, "PENDING_REVIEW"),
            (3, "DECLINED"),
            (1, "EXPIRED"),
            (1, "NONE"),
        ];
        self.pick(Attribute::NameStatus, &choices)
    }

    fn platform_type(&self) -> &'static str {
        if self.is_registered { "CLOUD_API" } else { "NOT_APPLICABLE" }
    }

    fn account_mode(&self) -> &'static str {
        self.pick(Attribute::AccountMode, &[(97, "LIVE"), (3, "SANDBOX")])
    }

    fn throughput(&self) -> &'static str {
        if !self.is_registered {
            return "NOT_APPLICABLE";
        }
        self.pick(Attribute::Throughput, &[(90, "STANDARD"), (10, "HIGH")])
    }

    fn messaging_limit(&self) -> &'static str {
        let choices = [(20, "TIER_250"), (30, "TIER_2K"), (30, "TIER_10K"), (15, "TIER_100K"), (5, "TIER_UNLIMITED")];
        self.pick(Attribute::Tier, &choices)
    }

    fn is_official(&self) -> bool {
        self.generator.draw(self.index, Attribute::Official).is_multiple_of(20)
    }

    fn certificate(&self) -> String {
        format!("CmUKIQj{:016x}EgZlbnQ6d2E", self.generator.draw(self.index, Attribute::Certificate))
    }

    fn last_onboarded_time(&self) -> FieldValue {
        let draw = self.generator.draw(self.index, Attribute::Onboarded);
        if self.account_mode() == "SANDBOX" {
            // Test numbers were never onboarded.
            return FieldValue::Absent;
        }
        let (month, day, hour, minute) = (draw % 12 + 1, draw / 12 % 28 + 1, draw / 400 % 24, draw / 9_600 % 60);
        owned_text(format!("2025-{month:02}-{day:02}T{hour:02}:{minute:02}:00+0000"))
    }

    fn health_status(&self) -> FieldValue {
        let availability = if self.status() == "CONNECTED" { "AVAILABLE" } else { "BLOCKED" };
        let (number, waba) = (generator::number_id(self.index), generator::waba_id(self.waba));
        FieldValue::Json(format!(
            r#"{{"can_send_message":"{availability}","entities":[{{"entity_type":"PHONE_NUMBER","id":"{number}","can_send_message":"{availability}"}},{{"entity_type":"WABA","id":"{waba}","can_send_message":"AVAILABLE"}}]}}"#
        ))
    }
}

impl Node for NumberView {
    const TYPE: &'static str = "WhatsAppBusinessPhoneNumber";
    const DEFAULT_FIELDS: &'static str =
        "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,throughput,id";

    const FIELDS: &'static [NodeField<Self>] = &[
        ("id", |n| owned_text(generator::number_id(n.index))),
        ("display_phone_number", |n| owned_text(n.generator.display_number(n.index, n.waba))),
        ("verified_name", |n| FieldValue::Text(n.generator.verified_name(n.index))),
        ("quality_rating", |n| static_text(n.quality_rating())),
        ("code_verification_status", |n| static_text(n.code_verification())),
        ("is_pin_enabled", |n| n.two_step.map_or(FieldValue::Absent, FieldValue::Bool)),
        ("status", |n| static_text(n.status())),
        ("name_status", |n| static_text(n.name_status())),
        ("new_name_status", |_| static_text("NONE")),
        ("new_display_name", |_| null()),
        ("platform_type", |n| static_text(n.platform_type())),
        ("host_platform", |n| static_text(n.platform_type())),
        ("throughput", |n| FieldValue::Json(format!(r#"{{"level":"{}"}}"#, n.throughput()))),
        ("account_mode", |n| static_text(n.account_mode())),
        // Deprecated: Meta has replaced it by the limit of the portfolio.
        ("messaging_limit_tier", |_| null()),
        ("whatsapp_business_manager_messaging_limit", |n| static_text(n.messaging_limit())),
        ("certificate", |n| owned_text(n.certificate())),
        ("new_certificate", |_| FieldValue::Absent),
        ("is_official_business_account", |n| FieldValue::Bool(n.is_official())),
        ("is_on_biz_app", |_| FieldValue::Bool(false)),
        ("is_preverified_number", |_| FieldValue::Bool(false)),
        ("last_onboarded_time", Self::last_onboarded_time),
        ("search_visibility", |_| static_text("NON_VISIBLE")),
        ("eligibility_for_api_business_global_search", |_| static_text("NON_ELIGIBLE_UNDEFINED_COUNTRY")),
        ("quality_score", |n| FieldValue::Json(format!(r#"{{"score":"{}"}}"#, n.quality_rating()))),
        ("health_status", Self::health_status),
        ("webhook_configuration", |_| FieldValue::Json(r#"{"application":"https://hooks.example.com/wa"}"#.to_owned())),
        ("country_code", |n| static_text(generator::region(n.waba).country().0)),
        ("country_dial_code", |n| static_text(generator::region(n.waba).country().1)),
        ("username", |_| FieldValue::Absent),
        ("unified_cert_status", |_| static_text("APPROVED")),
        ("conversational_automation", |_| FieldValue::Absent),
    ];
}

impl Node for WabaView {
    const TYPE: &'static str = "WhatsAppBusinessAccount";
    const DEFAULT_FIELDS: &'static str = "id,name,currency,timezone_id";

    const FIELDS: &'static [NodeField<Self>] = &[
        ("id", |w| owned_text(generator::waba_id(w.waba))),
        ("name", |w| static_text(generator::waba_name(w.waba))),
        ("currency", |_| static_text("USD")),
        ("timezone_id", |_| static_text("1")),
        ("account_review_status", |_| static_text("APPROVED")),
        ("business_verification_status", |_| static_text("verified")),
        ("ownership_type", |_| static_text("SELF")),
        ("status", |_| static_text("ACTIVE")),
        ("whatsapp_business_manager_messaging_limit", |_| static_text("TIER_100K")),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> NumberView {
        NumberView {
            generator: WorldGenerator::new(1, 25),
            index: 0,
            waba: 0,
            two_step: Some(true),
            is_registered: true,
        }
    }

    fn names(fields: &[&NodeField<NumberView>]) -> Vec<&'static str> {
        fields.iter().map(|field| field.0).collect()
    }

    #[test]
    fn each_requested_field_comes_once_and_id_always() {
        let selected = select_fields::<NumberView>(Some("status, is_pin_enabled,status")).expect("known fields");
        assert_eq!(names(&selected), ["status", "is_pin_enabled", "id"]);
    }

    #[test]
    fn two_step_is_returned_only_on_request() {
        let default = select_fields::<NumberView>(None).expect("the default set");
        assert_eq!(default.len(), 7);
        assert!(!names(&default).contains(&"is_pin_enabled"));
    }

    #[test]
    fn one_unknown_field_fails_the_whole_read() {
        let error = select_fields::<NumberView>(Some("id,shoe_size")).expect_err("an unknown field");
        assert_eq!(
            error.message,
            "(#100) Tried accessing nonexisting field (shoe_size) on node type (WhatsAppBusinessPhoneNumber)"
        );
        assert_eq!((error.status, error.code), (400, 100));
    }

    #[test]
    fn every_field_of_every_number_is_valid_json() {
        let fields: Vec<&NodeField<NumberView>> = NumberView::FIELDS.iter().collect();
        for index in 0..600 {
            let mut out = Vec::new();
            write_node(&mut out, &fields, &NumberView { generator: WorldGenerator::new(1, 600), index, ..number() });
            let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(value["verified_name"], *WorldGenerator::new(1, 600).verified_name(index));
        }
    }

    #[test]
    fn a_field_that_the_app_may_not_see_is_left_out() {
        let mut out = Vec::new();
        let fields = select_fields::<NumberView>(Some("is_pin_enabled")).expect("a known field");
        write_node(&mut out, &fields, &NumberView { two_step: None, ..number() });
        assert_eq!(String::from_utf8_lossy(&out), r#"{"id":"200000000000001"}"#);
    }
}

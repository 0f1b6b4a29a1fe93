//! The fields of a phone number node and of a WABA node, each with a plausible value.
//!
//! Knows every field that Meta documents, because one unknown name fails a whole read. Decides nothing: which
//! fields are asked for, and of which object, is the world's business.

use std::borrow::Cow;

use super::reply::{GraphError, write_text};
use super::seed::{self, Fact, Seed};

/// One number as the world holds it now.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberView {
    pub seed: Seed,
    pub index: usize,
    pub waba: usize,
    /// `is_pin_enabled`, where this app is told.
    pub two_step: Option<bool>,
    pub is_registered: bool,
}

/// One WABA.
#[derive(Debug, Clone, Copy)]
pub(super) struct WabaView {
    pub waba: usize,
}

/// A field's value.
#[derive(Debug)]
pub(super) enum Value {
    /// The key is left out.
    Absent,
    Text(Cow<'static, str>),
    Flag(bool),
    /// An object or `null`, already JSON.
    Json(String),
}

/// A name, and how its value is read off a node.
pub(super) type Field<Node> = (&'static str, fn(&Node) -> Value);

/// A kind of node: what it may be asked for, and what it says unasked.
pub(super) trait Node: Sized + 'static {
    const FIELDS: &'static [Field<Self>];
    const DEFAULT: &'static str;
}

/// The fields to answer with: those asked for, each once, and always `id`.
pub(super) fn select<N: Node>(asked: Option<&str>) -> Result<Vec<&'static Field<N>>, GraphError> {
    let asked = asked.filter(|fields| !fields.trim().is_empty()).unwrap_or(N::DEFAULT);
    let mut chosen: Vec<&'static Field<N>> = Vec::new();
    for name in asked.split(',').map(str::trim).chain(["id"]) {
        let field = N::FIELDS.iter().find(|field| field.0 == name).ok_or_else(|| GraphError::no_such_field(name))?;
        if !chosen.iter().any(|already| already.0 == name) {
            chosen.push(field);
        }
    }
    Ok(chosen)
}

/// Writes the node as one JSON object. Straight into the answer: a list page is written a thousand times a second.
pub(super) fn write<N: Node>(out: &mut Vec<u8>, fields: &[&Field<N>], node: &N) {
    out.push(b'{');
    let start = out.len();
    for (name, read) in fields {
        let value = read(node);
        if matches!(value, Value::Absent) {
            continue;
        }
        if out.len() > start {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            Value::Absent => {}
            Value::Text(text) => write_text(out, &text),
            Value::Flag(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
            Value::Json(json) => out.extend_from_slice(json.as_bytes()),
        }
    }
    out.push(b'}');
}

const fn word(text: &'static str) -> Value {
    Value::Text(Cow::Borrowed(text))
}

const fn text(text: String) -> Value {
    Value::Text(Cow::Owned(text))
}

fn null() -> Value {
    Value::Json("null".to_owned())
}

impl NumberView {
    fn pick(&self, fact: Fact, choices: &[(u64, &'static str)]) -> &'static str {
        self.seed.pick(self.index, fact, choices)
    }

    fn status(&self) -> &'static str {
        if !self.is_registered {
            return "PENDING";
        }
        let words = [
            (900, "CONNECTED"),
            (30, "FLAGGED"),
            (25, "DISCONNECTED"),
            (15, "RESTRICTED"),
            (10, "RATE_LIMITED"),
            (8, "BANNED"),
            (6, "MIGRATED"),
            (4, "UNKNOWN"),
            // Not in any published list: a client must show words it does not know.
            (2, "UNDER_REVIEW_2027"),
        ];
        self.pick(Fact::Status, &words)
    }

    fn quality(&self) -> &'static str {
        if !self.is_registered {
            return "UNKNOWN";
        }
        self.pick(Fact::Quality, &[(80, "GREEN"), (10, "YELLOW"), (4, "RED"), (3, "UNKNOWN"), (3, "NA")])
    }

    fn code_verification(&self) -> &'static str {
        if !self.is_registered {
            return "NOT_VERIFIED";
        }
        self.pick(Fact::CodeVerification, &[(55, "VERIFIED"), (42, "EXPIRED"), (3, "NOT_VERIFIED")])
    }

    fn name_status(&self) -> &'static str {
        let words = [
            (85, "APPROVED"),
            (6, "AVAILABLE_WITHOUT_REVIEW"),
            (4, "PENDING_REVIEW"),
            (3, "DECLINED"),
            (1, "EXPIRED"),
            (1, "NONE"),
        ];
        self.pick(Fact::NameStatus, &words)
    }

    fn platform(&self) -> &'static str {
        if self.is_registered { "CLOUD_API" } else { "NOT_APPLICABLE" }
    }

    fn account_mode(&self) -> &'static str {
        self.pick(Fact::AccountMode, &[(97, "LIVE"), (3, "SANDBOX")])
    }

    fn throughput(&self) -> &'static str {
        if !self.is_registered {
            return "NOT_APPLICABLE";
        }
        self.pick(Fact::Throughput, &[(90, "STANDARD"), (10, "HIGH")])
    }

    fn limit(&self) -> &'static str {
        let words = [(20, "TIER_250"), (30, "TIER_2K"), (30, "TIER_10K"), (15, "TIER_100K"), (5, "TIER_UNLIMITED")];
        self.pick(Fact::Tier, &words)
    }

    fn is_official(&self) -> bool {
        self.seed.draw(self.index, Fact::Official).is_multiple_of(20)
    }

    fn certificate(&self) -> String {
        format!("CmUKIQj{:016x}EgZlbnQ6d2E", self.seed.draw(self.index, Fact::Certificate))
    }

    fn onboarded(&self) -> Value {
        let draw = self.seed.draw(self.index, Fact::Onboarded);
        if self.account_mode() == "SANDBOX" {
            // Test numbers were never onboarded.
            return Value::Absent;
        }
        let (month, day, hour, minute) = (draw % 12 + 1, draw / 12 % 28 + 1, draw / 400 % 24, draw / 9_600 % 60);
        text(format!("2025-{month:02}-{day:02}T{hour:02}:{minute:02}:00+0000"))
    }

    fn health(&self) -> Value {
        let can = if self.status() == "CONNECTED" { "AVAILABLE" } else { "BLOCKED" };
        let (number, waba) = (seed::number_id(self.index), seed::waba_id(self.waba));
        Value::Json(format!(
            r#"{{"can_send_message":"{can}","entities":[{{"entity_type":"PHONE_NUMBER","id":"{number}","can_send_message":"{can}"}},{{"entity_type":"WABA","id":"{waba}","can_send_message":"AVAILABLE"}}]}}"#
        ))
    }
}

impl Node for NumberView {
    const DEFAULT: &'static str =
        "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,throughput,id";

    const FIELDS: &'static [Field<Self>] = &[
        ("id", |n| text(seed::number_id(n.index))),
        ("display_phone_number", |n| text(n.seed.display_number(n.index, n.waba))),
        ("verified_name", |n| Value::Text(n.seed.verified_name(n.index))),
        ("quality_rating", |n| word(n.quality())),
        ("code_verification_status", |n| word(n.code_verification())),
        ("is_pin_enabled", |n| n.two_step.map_or(Value::Absent, Value::Flag)),
        ("status", |n| word(n.status())),
        ("name_status", |n| word(n.name_status())),
        ("new_name_status", |_| word("NONE")),
        ("new_display_name", |_| null()),
        ("platform_type", |n| word(n.platform())),
        ("host_platform", |n| word(n.platform())),
        ("throughput", |n| Value::Json(format!(r#"{{"level":"{}"}}"#, n.throughput()))),
        ("account_mode", |n| word(n.account_mode())),
        ("messaging_limit_tier", |n| word(n.limit())),
        ("whatsapp_business_manager_messaging_limit", |n| word(n.limit())),
        ("certificate", |n| text(n.certificate())),
        ("new_certificate", |_| Value::Absent),
        ("is_official_business_account", |n| Value::Flag(n.is_official())),
        ("is_on_biz_app", |_| Value::Flag(false)),
        ("is_preverified_number", |_| Value::Flag(false)),
        ("last_onboarded_time", Self::onboarded),
        ("search_visibility", |_| word("NON_VISIBLE")),
        ("eligibility_for_api_business_global_search", |_| word("NON_ELIGIBLE_UNDEFINED_COUNTRY")),
        ("quality_score", |n| Value::Json(format!(r#"{{"score":"{}"}}"#, n.quality()))),
        ("health_status", Self::health),
        ("webhook_configuration", |_| Value::Json(r#"{"application":"https://hooks.example.com/wa"}"#.to_owned())),
        ("country_code", |n| word(seed::region(n.waba).country().0)),
        ("country_dial_code", |n| word(seed::region(n.waba).country().1)),
        ("username", |_| Value::Absent),
        ("unified_cert_status", |_| word("APPROVED")),
        ("conversational_automation", |_| Value::Absent),
    ];
}

impl Node for WabaView {
    const DEFAULT: &'static str = "id,name,currency,timezone_id";

    const FIELDS: &'static [Field<Self>] = &[
        ("id", |w| text(seed::waba_id(w.waba))),
        ("name", |w| word(seed::waba_name(w.waba))),
        ("currency", |_| word("USD")),
        ("timezone_id", |_| word("1")),
        ("account_review_status", |_| word("APPROVED")),
        ("business_verification_status", |_| word("verified")),
        ("ownership_type", |_| word("SELF")),
        ("status", |_| word("ACTIVE")),
        ("whatsapp_business_manager_messaging_limit", |_| word("TIER_100K")),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> NumberView {
        NumberView { seed: Seed::new(1, 25), index: 0, waba: 0, two_step: Some(true), is_registered: true }
    }

    fn names(fields: &[&Field<NumberView>]) -> Vec<&'static str> {
        fields.iter().map(|field| field.0).collect()
    }

    #[test]
    fn the_fields_asked_for_come_once_each_and_id_always() {
        let asked = select::<NumberView>(Some("status, is_pin_enabled,status")).expect("known fields");
        assert_eq!(names(&asked), ["status", "is_pin_enabled", "id"]);
    }

    #[test]
    fn two_step_is_told_only_when_asked_for() {
        let default = select::<NumberView>(None).expect("the default set");
        assert_eq!(default.len(), 7);
        assert!(!names(&default).contains(&"is_pin_enabled"));
    }

    #[test]
    fn one_unknown_field_fails_the_whole_read() {
        let error = select::<NumberView>(Some("id,shoe_size")).expect_err("an unknown field");
        assert_eq!(error.message, "(#100) Tried accessing nonexisting field (shoe_size)");
        assert_eq!((error.status, error.code), (400, 100));
    }

    #[test]
    fn every_field_of_every_number_is_good_json() {
        let fields: Vec<&Field<NumberView>> = NumberView::FIELDS.iter().collect();
        for index in 0..600 {
            let mut out = Vec::new();
            write(&mut out, &fields, &NumberView { seed: Seed::new(1, 600), index, ..number() });
            let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(value["verified_name"], *Seed::new(1, 600).verified_name(index));
        }
    }

    #[test]
    fn a_field_that_the_app_is_not_told_is_left_out() {
        let mut out = Vec::new();
        let fields = select::<NumberView>(Some("is_pin_enabled")).expect("a known field");
        write(&mut out, &fields, &NumberView { two_step: None, ..number() });
        assert_eq!(String::from_utf8_lossy(&out), r#"{"id":"200000000000001"}"#);
    }
}

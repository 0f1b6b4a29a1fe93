//! What a change is left with after its attempts.
//!
//! It combines outcomes of single attempts, and knows the doubt that no attempt ends with. It decides neither the words
//! for an operator (`error_catalog` does) nor whether to retry (`retry` does).
//!
//! The journal stores these types as JSON, so `serde` attributes keep the stored names stable.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::outcome::{ApiError, DoubtReason, Outcome, SendFailure};
use crate::domain::text::CleanText;

/// What became of a change, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeResult {
    /// Meta confirmed the PIN.
    Set,
    /// Meta refused the PIN.
    Failed,
    /// The PIN was not sent.
    NotSent,
    /// It is not known whether the PIN is in force.
    NoAnswer,
}

impl ChangeResult {
    const ALL: [Self; 4] = [Self::Set, Self::Failed, Self::NotSent, Self::NoAnswer];

    /// The spellings in data, in the filter and for people.
    const fn spellings(self) -> [&'static str; 3] {
        match self {
            Self::Set => ["set"; 3],
            Self::Failed => ["failed"; 3],
            Self::NotSent => ["not_sent", "not-sent", "not sent"],
            Self::NoAnswer => ["no_answer", "no-answer", "no answer"],
        }
    }

    /// The spelling in the journal and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.spellings()[0]
    }

    /// The spelling in the filter.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        self.spellings()[1]
    }

    /// The spelling for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.spellings()[2]
    }

    /// Parses the spelling in data or the one in the filter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| text == result.as_str() || text == result.keyword())
    }
}

impl Serialize for ChangeResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a change is left with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Meta confirmed the PIN: it is in force.
    #[serde(rename = "Confirmed")]
    Set,
    /// Meta refused the PIN, and no earlier attempt is in doubt: nothing was changed.
    #[serde(rename = "Refused")]
    Failed(ApiError),
    /// The PIN was not sent, and no earlier attempt is in doubt: nothing was changed.
    NotSent(NotSentReason),
    /// The PIN may be in force or not.
    InDoubt(Box<Doubt>),
}

impl Standing {
    /// The standing in one word.
    #[must_use]
    pub const fn result(&self) -> ChangeResult {
        match self {
            Self::Set => ChangeResult::Set,
            Self::Failed(_) => ChangeResult::Failed,
            Self::NotSent(_) => ChangeResult::NotSent,
            Self::InDoubt(_) => ChangeResult::NoAnswer,
        }
    }

    /// A standing in doubt for this reason.
    #[must_use]
    pub fn in_doubt(doubt: impl Into<Doubt>) -> Self {
        Self::InDoubt(Box::new(doubt.into()))
    }

    /// What a change is left with after an attempt. `earlier_doubt` is the doubt that its earlier attempts left: only a
    /// confirmation clears it.
    #[must_use]
    pub fn after_attempt(outcome: Outcome, earlier_doubt: Option<&DoubtCause>) -> Self {
        match outcome {
            Outcome::Confirmed => Self::Set,
            Outcome::Refused(error) => Self::not_applied(NotApplied::Refused(error), earlier_doubt),
            Outcome::NotSent(failure) => Self::not_applied(NotApplied::NotSent(failure.into()), earlier_doubt),
            Outcome::InDoubt(reason) => Self::in_doubt(reason),
        }
    }

    /// What a change is left with whose last attempt certainly changed nothing.
    #[must_use]
    pub fn not_applied(last: NotApplied, earlier_doubt: Option<&DoubtCause>) -> Self {
        match (earlier_doubt, last) {
            (Some(cause), last) => Self::in_doubt(Doubt { cause: cause.clone(), last_retry: Some(last) }),
            (None, NotApplied::Refused(error)) => Self::Failed(error),
            (None, NotApplied::NotSent(why)) => Self::NotSent(why),
        }
    }
}

/// Why the PIN of a change was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotSentReason {
    /// The job was stopped before it sent the PIN.
    Stopped,
    /// The job sent its first numbers, and the operator left the others.
    LeftAfterFirst,
    /// The access token was refused in an earlier request of the same job.
    TokenRefused,
    /// Meta refused another number of the same job for a reason that applies to every request of the app. The text is
    /// the reason in a few words.
    AppRefused(CleanText),
    /// Meta refused another number of the same WABA for a reason that applies to all of them. The text is the reason in
    /// a few words.
    WabaRefused(CleanText),
    /// Too many earlier requests of the same job in a row ended in doubt.
    #[serde(rename = "NoSureAnswers")]
    TooManyInDoubt,
    /// Meta refused too many earlier requests of the same job in a row with this code, which pindesk does not know.
    UnknownRefusals(i64),
    /// Meta refused it because there were too many calls. pindesk waits and sends it again.
    Throttled(Box<ApiError>),
    /// Its scope was paused just before it was sent, because there were too many calls.
    Paused,
    /// The request could not be sent, or earlier requests of the same job failed for a reason that applies to it too.
    #[serde(untagged)]
    Failure(SendFailure),
}

impl NotSentReason {
    /// True if pindesk refused it for a reason of its own, which the operator was told at once.
    #[must_use]
    pub const fn is_local_refusal(&self) -> bool {
        matches!(self, Self::Failure(SendFailure::RefusedLocally(_)))
    }

    /// The error that Graph reported for this number, if it did.
    #[must_use]
    pub const fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Throttled(error) => Some(error),
            Self::Stopped
            | Self::LeftAfterFirst
            | Self::TokenRefused
            | Self::AppRefused(_)
            | Self::WabaRefused(_)
            | Self::TooManyInDoubt
            | Self::UnknownRefusals(_)
            | Self::Paused
            | Self::Failure(_) => None,
        }
    }
}

impl From<SendFailure> for NotSentReason {
    fn from(failure: SendFailure) -> Self {
        Self::Failure(failure)
    }
}

impl fmt::Display for NotSentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped before it was sent"),
            Self::LeftAfterFirst => f.write_str("left after the first numbers of the job"),
            Self::TokenRefused => f.write_str("the access token was refused before this was sent"),
            Self::AppRefused(reason) => write!(f, "Meta refuses all requests of this app: {reason}"),
            Self::WabaRefused(reason) => write!(f, "Meta refused another number of this WABA: {reason}"),
            Self::TooManyInDoubt => f.write_str("too many requests in a row got no sure answer before this was sent"),
            Self::UnknownRefusals(code) => {
                write!(f, "Meta refused too many requests in a row with the unknown code {code} before this was sent")
            }
            Self::Throttled(error) => write!(f, "throttled: {}", error.message),
            Self::Paused => f.write_str("paused before it was sent, because the calls for this hour are used up"),
            Self::Failure(failure) => write!(f, "{failure}"),
        }
    }
}

/// Why an attempt certainly changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotApplied {
    /// Meta refused it.
    Refused(ApiError),
    /// It was never sent.
    NotSent(NotSentReason),
}

impl NotApplied {
    /// The error that Graph reported, if it did.
    #[must_use]
    pub const fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Refused(error) => Some(error),
            Self::NotSent(why) => why.api_error(),
        }
    }
}

/// Why it is not known whether the PIN of a change is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredDoubt", into = "StoredDoubt")]
pub struct Doubt {
    /// Why the last attempt that may have been applied is in doubt.
    pub cause: DoubtCause,
    /// Why a retry after it changed nothing, if there was one.
    pub last_retry: Option<NotApplied>,
}

/// Why an attempt is in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DoubtCause {
    /// The process that sent the request ended before it recorded an outcome.
    #[serde(rename = "CutShort")]
    ProcessEnded,
    /// Only the escrow file has the PIN. It is not known whether it was sent.
    #[serde(rename = "Unrecorded")]
    EscrowOnly,
    /// The request ended in doubt.
    #[serde(untagged)]
    Attempt(DoubtReason),
}

impl From<DoubtReason> for DoubtCause {
    fn from(reason: DoubtReason) -> Self {
        Self::Attempt(reason)
    }
}

impl DoubtCause {
    const fn reason(&self) -> Option<&DoubtReason> {
        match self {
            Self::Attempt(reason) => Some(reason),
            Self::ProcessEnded | Self::EscrowOnly => None,
        }
    }
}

impl fmt::Display for DoubtCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessEnded => f.write_str("the program that sent it ended before the answer"),
            Self::EscrowOnly => f.write_str("known from the escrow file alone"),
            Self::Attempt(reason) => write!(f, "{reason}"),
        }
    }
}

impl From<DoubtCause> for Doubt {
    fn from(cause: DoubtCause) -> Self {
        Self { cause, last_retry: None }
    }
}

impl From<DoubtReason> for Doubt {
    fn from(reason: DoubtReason) -> Self {
        DoubtCause::from(reason).into()
    }
}

impl Doubt {
    /// The last error that Graph reported, if it did: for the retry, or, if the retry was never sent, for the attempt
    /// before it.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        let refusal = self.last_retry.as_ref().and_then(NotApplied::api_error);
        refusal.or_else(|| self.cause.reason()?.api_error())
    }

    /// The text of an error that is not Graph's, if one came as the answer and Graph reported none since.
    #[must_use]
    pub fn foreign_text(&self) -> Option<&CleanText> {
        if self.last_retry.is_some() { None } else { self.cause.reason()?.foreign_text() }
    }

    /// The HTTP status of the last reply, if one arrived.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.api_error().map(|error| error.http_status).or_else(|| self.cause.reason()?.http_status())
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cause, last_retry } = self;
        match last_retry {
            None => write!(f, "{cause}"),
            Some(NotApplied::Refused(error)) => write!(f, "{cause}; then a repeat was refused, code {}", error.code),
            Some(NotApplied::NotSent(why)) => write!(f, "{cause}; then a repeat was not sent: {why}"),
        }
    }
}

/// A [`Doubt`] as the journal stores it.
#[derive(Serialize, Deserialize)]
enum StoredDoubt {
    Repeated {
        earlier: DoubtCause,
        last: NotApplied,
    },
    #[serde(untagged)]
    WithoutRetry(DoubtCause),
}

impl From<Doubt> for StoredDoubt {
    fn from(Doubt { cause, last_retry }: Doubt) -> Self {
        match last_retry {
            Some(last) => Self::Repeated { earlier: cause, last },
            None => Self::WithoutRetry(cause),
        }
    }
}

impl From<StoredDoubt> for Doubt {
    fn from(stored: StoredDoubt) -> Self {
        match stored {
            StoredDoubt::Repeated { earlier, last } => Self { cause: earlier, last_retry: Some(last) },
            StoredDoubt::WithoutRetry(cause) => cause.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::outcome::ReplyForm;

    fn api_error() -> ApiError {
        ApiError {
            http_status: 400,
            code: 133_010,
            subcode: Some(2_388_001),
            message: CleanText::new("not registered"),
            details: None,
            user_title: None,
            user_message: None,
            trace_id: Some(CleanText::new("A1")),
            is_transient: false,
        }
    }

    const API_ERROR: &str = r#"{"http_status":400,"code":133010,"subcode":2388001,"message":"not registered","details":null,"trace_id":"A1","is_transient":false}"#;

    fn text() -> CleanText {
        CleanText::new("why")
    }

    /// The journals of all versions have these texts, so they never change.
    #[test]
    fn the_stored_json_of_every_standing_is_pinned() {
        let wait = Duration::new(30, 5);
        let standings = [
            (Standing::Set, r#""Confirmed""#),
            (Standing::Failed(api_error()), r#"{"Refused":<error>}"#),
            (
                Standing::NotSent(NotSentReason::Failure(SendFailure::NoConnection(text()))),
                r#"{"NotSent":{"NoConnection":"why"}}"#,
            ),
            (Standing::NotSent(NotSentReason::Failure(SendFailure::Tls(text()))), r#"{"NotSent":{"Tls":"why"}}"#),
            (
                Standing::NotSent(NotSentReason::Failure(SendFailure::RefusedLocally(text()))),
                r#"{"NotSent":{"RefusedHere":"why"}}"#,
            ),
            (Standing::NotSent(NotSentReason::Stopped), r#"{"NotSent":"Stopped"}"#),
            (Standing::NotSent(NotSentReason::TokenRefused), r#"{"NotSent":"TokenRefused"}"#),
            (Standing::NotSent(NotSentReason::WabaRefused(text())), r#"{"NotSent":{"WabaRefused":"why"}}"#),
            (Standing::NotSent(NotSentReason::TooManyInDoubt), r#"{"NotSent":"NoSureAnswers"}"#),
            (Standing::NotSent(NotSentReason::AppRefused(text())), r#"{"NotSent":{"AppRefused":"why"}}"#),
            (Standing::NotSent(NotSentReason::UnknownRefusals(987)), r#"{"NotSent":{"UnknownRefusals":987}}"#),
            (
                Standing::NotSent(NotSentReason::Throttled(Box::new(api_error()))),
                r#"{"NotSent":{"Throttled":<error>}}"#,
            ),
            (Standing::NotSent(NotSentReason::Paused), r#"{"NotSent":"Paused"}"#),
        ];
        let doubts = [
            (DoubtReason::TimedOut { waited: wait }.into(), r#"{"NoAnswer":{"waited":{"secs":30,"nanos":5}}}"#),
            (DoubtReason::ConnectionLost { after: wait }.into(), r#"{"LineBroke":{"after":{"secs":30,"nanos":5}}}"#),
            (DoubtReason::ServerError(api_error()).into(), r#"{"MetaFault":<error>}"#),
            (
                DoubtReason::UnexpectedReply { http_status: 502, form: ReplyForm::Unrecognized }.into(),
                r#"{"StrangeReply":{"http_status":502}}"#,
            ),
            (DoubtReason::SuccessNotTrue.into(), r#""SuccessNotTrue""#),
            (DoubtCause::ProcessEnded, r#""CutShort""#),
            (DoubtCause::EscrowOnly, r#""Unrecorded""#),
        ];
        let retries = [
            (NotApplied::Refused(api_error()), r#"{"Refused":<error>}"#),
            (NotApplied::NotSent(NotSentReason::Stopped), r#"{"NotSent":"Stopped"}"#),
            (NotApplied::NotSent(NotSentReason::Failure(SendFailure::Tls(text()))), r#"{"NotSent":{"Tls":"why"}}"#),
        ];
        let mut cases: Vec<_> = standings.map(|(standing, json)| (standing, json.to_owned())).into();
        for (doubt, json) in doubts {
            cases.push((Standing::in_doubt(doubt.clone()), format!(r#"{{"InDoubt":{json}}}"#)));
            for (last, last_json) in &retries {
                let repeated = format!(r#"{{"InDoubt":{{"Repeated":{{"earlier":{json},"last":{last_json}}}}}}}"#);
                cases.push((Standing::not_applied(last.clone(), Some(&doubt)), repeated));
            }
        }
        for (standing, json) in cases {
            let json = json.replace("<error>", API_ERROR);
            assert_eq!(serde_json::to_string(&standing).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Standing>(&json).expect("a standing"), standing, "{json}");
        }
    }

    #[test]
    fn every_result_has_one_spelling_for_each_use() {
        let spellings = ChangeResult::ALL.map(|result| (result.as_str(), result.keyword(), result.label()));
        let expected = [
            ("set", "set", "set"),
            ("failed", "failed", "failed"),
            ("not_sent", "not-sent", "not sent"),
            ("no_answer", "no-answer", "no answer"),
        ];
        assert_eq!(spellings, expected);
        for result in ChangeResult::ALL {
            assert_eq!([result.as_str(), result.keyword()].map(ChangeResult::parse), [Some(result); 2]);
            assert_eq!(serde_json::to_value(result).expect("JSON"), result.as_str());
        }
        assert_eq!(ChangeResult::parse("no answer"), None);
    }

    #[test]
    fn only_a_confirmation_ends_an_earlier_doubt() {
        let lost = DoubtReason::ConnectionLost { after: Duration::ZERO };
        let unsent = SendFailure::Tls(text());
        let earlier = DoubtCause::ProcessEnded;
        let after_doubt = |last_retry| Standing::in_doubt(Doubt { cause: earlier.clone(), last_retry });
        let cases = [
            (Outcome::Confirmed, Standing::Set, Standing::Set),
            (
                Outcome::Refused(api_error()),
                Standing::Failed(api_error()),
                after_doubt(Some(NotApplied::Refused(api_error()))),
            ),
            (
                Outcome::NotSent(unsent.clone()),
                Standing::NotSent(NotSentReason::Failure(unsent.clone())),
                after_doubt(Some(NotApplied::NotSent(unsent.into()))),
            ),
            (
                Outcome::InDoubt(lost.clone()),
                Standing::in_doubt(lost.clone()),
                Standing::in_doubt(DoubtCause::Attempt(lost)),
            ),
        ];
        for (outcome, first, later) in cases {
            assert_eq!(Standing::after_attempt(outcome.clone(), None), first);
            assert_eq!(Standing::after_attempt(outcome, Some(&earlier)), later);
        }
    }
}

//! The short name of an operator, as lists show it beside a change.
//!
//! It proves nothing: every part but the user ID comes from the environment of the process.

use std::fmt;
use std::sync::Arc;

use crate::domain::text::CleanText;

/// An operator and a host: `ana@web1`. Clones share one text, because few operators made the changes of many numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OperatorName(Arc<CleanText>);

impl OperatorName {
    /// The claimed `SUDO_USER` with a star, because several people may share the account (`ana*@web1`); otherwise `user`,
    /// which the environment claims or the user ID has (`ana@web1`); otherwise the user ID (`uid 1000@web1`). The host is
    /// cut at its first dot.
    #[must_use]
    pub fn new(uid: u32, user: Option<&CleanText>, sudo_user: Option<&CleanText>, host: &CleanText) -> Self {
        let user = match (sudo_user, user) {
            (Some(sudo_user), _) => format!("{sudo_user}*"),
            (None, Some(user)) => user.to_string(),
            (None, None) => format!("uid {uid}"),
        };
        let host = host.as_str().split('.').next().unwrap_or_default();
        Self(Arc::new(CleanText::new(&format!("{user}@{host}"))))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_marks_the_claimed_sudo_user_with_a_star() {
        let [ana, deploy, host] = ["ana", "deploy", "web1.example.com"].map(CleanText::new);
        let cases =
            [(Some(&deploy), Some(&ana), "ana*@web1"), (Some(&ana), None, "ana@web1"), (None, None, "uid 1000@web1")];
        for (user, sudo_user, expected) in cases {
            assert_eq!(OperatorName::new(1000, user, sudo_user, &host).as_str(), expected);
        }
    }
}

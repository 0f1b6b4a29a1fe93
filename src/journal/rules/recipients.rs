//! Decides whether the escrow recipients of a process are known, and when they are stored.
//!
//! It does not read keys. A change of the recipients is never accepted without an operator.

use crate::escrow::Fingerprint;
use crate::journal::audit::AuditAction;
use crate::journal::model::RecipientsStatus;

/// How the recipients of this process compare with the stored ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum RecipientsMatch {
    /// None are stored yet, and this process has some.
    FirstUse,
    /// They are the stored ones, or there are none on either side.
    Known,
    /// They differ from the stored ones.
    Changed,
}

impl RecipientsMatch {
    /// Compares two sorted lists.
    pub(in crate::journal) fn new(stored: Option<&[Fingerprint]>, current: &[Fingerprint]) -> Self {
        match stored {
            None if current.is_empty() => Self::Known,
            None => Self::FirstUse,
            Some(stored) if stored == current => Self::Known,
            Some(_) => Self::Changed,
        }
    }

    /// The action that stores the recipients when a PIN is encrypted for them; `None` if they are not stored then.
    pub(in crate::journal) const fn stored_with_a_pin(self) -> Option<AuditAction> {
        match self {
            Self::FirstUse => Some(AuditAction::RecipientsStored),
            Self::Known | Self::Changed => None,
        }
    }

    /// The action that stores the recipients when an operator accepts them; `None` if there is nothing to accept.
    pub(in crate::journal) const fn stored_when_accepted(self) -> Option<AuditAction> {
        match self {
            Self::FirstUse => Some(AuditAction::RecipientsStored),
            Self::Known => None,
            Self::Changed => Some(AuditAction::RecipientsAccepted),
        }
    }
}

/// Whether these recipients are the stored ones, for an operator.
pub(in crate::journal) fn status(stored: Option<Vec<Fingerprint>>, current: &[Fingerprint]) -> RecipientsStatus {
    match (RecipientsMatch::new(stored.as_deref(), current), stored) {
        (RecipientsMatch::Changed, Some(previous)) => RecipientsStatus::Changed { previous, current: current.to_vec() },
        (RecipientsMatch::FirstUse | RecipientsMatch::Known | RecipientsMatch::Changed, _) => RecipientsStatus::Known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprints(names: &[&str]) -> Vec<Fingerprint> {
        names.iter().map(|name| Fingerprint::new(name)).collect()
    }

    #[test]
    fn only_an_operator_lets_changed_recipients_in() {
        use AuditAction::{RecipientsAccepted as Accepted, RecipientsStored as Stored};
        type Case<'a> = (Option<&'a [&'a str]>, &'a [&'a str], RecipientsMatch, [Option<AuditAction>; 2]);
        let cases: [Case<'_>; 8] = [
            (None, &[], RecipientsMatch::Known, [None, None]),
            (None, &["a"], RecipientsMatch::FirstUse, [Some(Stored), Some(Stored)]),
            (Some(&["a"]), &["a"], RecipientsMatch::Known, [None, None]),
            (Some(&["a"]), &["b"], RecipientsMatch::Changed, [None, Some(Accepted)]),
            (Some(&["a"]), &["a", "b"], RecipientsMatch::Changed, [None, Some(Accepted)]),
            (Some(&["a"]), &[], RecipientsMatch::Changed, [None, Some(Accepted)]),
            // After the journal was lost, an empty list is stored.
            (Some(&[]), &["a"], RecipientsMatch::Changed, [None, Some(Accepted)]),
            (Some(&[]), &[], RecipientsMatch::Known, [None, None]),
        ];
        for (stored, current, expected, actions) in cases {
            let (stored, current) = (stored.map(fingerprints), fingerprints(current));
            let found = RecipientsMatch::new(stored.as_deref(), &current);
            assert_eq!(found, expected, "{stored:?} {current:?}");
            assert_eq!([found.stored_with_a_pin(), found.stored_when_accepted()], actions, "{stored:?} {current:?}");
            let status = match (expected, stored.clone()) {
                (RecipientsMatch::Changed, Some(previous)) => {
                    RecipientsStatus::Changed { previous, current: current.clone() }
                }
                (RecipientsMatch::FirstUse | RecipientsMatch::Known | RecipientsMatch::Changed, _) => {
                    RecipientsStatus::Known
                }
            };
            assert_eq!(super::status(stored, &current), status);
        }
    }
}

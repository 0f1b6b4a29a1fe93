//! How commands report numbers and WABAs that cannot be read: the exit code and the name.

use crate::cli::exit_code::ExitCode;
use crate::domain::number::Waba;
use crate::domain::outcome::{ApiError, ListDefect, ReadFailure};
use crate::policy::error_catalog::{self, ErrorScope};

/// The exit code of a read that failed.
pub(crate) fn exit_code(failure: &ReadFailure) -> ExitCode {
    match failure {
        ReadFailure::Api(error) => api_error_exit_code(error),
        ReadFailure::NotSent(_)
        | ReadFailure::NoAnswer
        | ReadFailure::UnexpectedReply { .. }
        | ReadFailure::IncompleteList(ListDefect::NoContinuation | ListDefect::Loop | ListDefect::Endless) => {
            ExitCode::NoConnection
        }
        ReadFailure::WrongKind { .. } | ReadFailure::IncompleteList(ListDefect::UnusableRows(_)) => ExitCode::Failed,
    }
}

/// The exit code of an error that Meta reported.
pub(crate) fn api_error_exit_code(error: &ApiError) -> ExitCode {
    let scope = error_catalog::lookup(error).scope;
    if matches!(scope, ErrorScope::Token | ErrorScope::App) || is_missing_permission(error) {
        ExitCode::NoAccess
    } else if scope == ErrorScope::ServerError {
        ExitCode::NoConnection
    } else {
        ExitCode::Failed
    }
}

/// Source: developers.facebook.com/docs/graph-api/guides/error-handling.
const fn is_missing_permission(error: &ApiError) -> bool {
    matches!(error.code, 3 | 10 | 200..=299)
}

/// The name of a WABA with its ID, or the ID alone.
pub(crate) fn waba_label(waba: &Waba) -> String {
    waba.name.as_ref().map_or_else(|| waba.id.to_string(), |name| format!("{name} ({})", waba.id))
}

//! How a command prints its results.

use crate::cli::args::GlobalArgs;
use crate::cli::output::table::TableStyle;

/// The options of a command that prints results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputOptions {
    pub(crate) is_json: bool,
    pub(crate) is_quiet: bool,
    pub(crate) style: TableStyle,
}

impl OutputOptions {
    pub(crate) fn new(is_json: bool, global: &GlobalArgs) -> Self {
        Self { is_json, is_quiet: global.quiet, style: TableStyle::for_stdout(global.no_color, false) }
    }
}

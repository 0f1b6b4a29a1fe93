//! Handles what the worker made of files with numbers. A page that was left or changed meanwhile waits for none.

use std::path::Path;

use super::App;
use crate::console::effect::Effect;
use crate::console::go::{Destination, Step};
use crate::console::pages::Page;
use crate::console::shared::ListSource;
use crate::domain::clock::TimePoint;
use crate::domain::text::{CleanText, count_numbers};
use crate::numbers::list::NumberList;
use crate::numbers::record::ExportedNumbers;

/// What the message about an export says if the journal could not be read.
const NO_HISTORY: &str = ", without their requests: the journal cannot be read";

impl App {
    /// Asks whether the numbers of a file are selected.
    pub(super) fn number_list_read(
        &mut self,
        path: &Path,
        result: Result<NumberList, CleanText>,
        now: TimePoint,
    ) -> Vec<Effect> {
        let Page::Path(page) = &mut self.page else { return Vec::new() };
        if !page.awaits(path) {
            return Vec::new();
        }
        let source = ListSource::File(CleanText::new(&path.display().to_string()));
        let list = result.map_err(|why| why.to_string()).and_then(|list| self.shared.find_listed(source, list));
        match list {
            Ok(list) => self.apply(Step::replace(Destination::ListedNumbers(list)), now),
            Err(why) => {
                page.refuse(why);
                Vec::new()
            }
        }
    }

    /// Says what became of an export, also if its page was left meanwhile.
    pub(super) fn numbers_exported(
        &mut self,
        path: &Path,
        result: Result<ExportedNumbers, CleanText>,
        now: TimePoint,
    ) -> Vec<Effect> {
        let label = CleanText::new(&path.display().to_string());
        let waits = matches!(&self.page, Page::Path(page) if page.awaits(path));
        match (result, &mut self.page) {
            (Err(why), Page::Path(page)) if waits => page.refuse(why.to_string()),
            (Err(why), _) => self.shared.messages.push(now.utc, format!("{label} was not exported. {why}")),
            (Ok(ExportedNumbers { path, count, has_history }), _) => {
                let label = CleanText::new(&path.display().to_string());
                let without = if has_history { "" } else { NO_HISTORY };
                let text = format!("Exported {} to {label}{without}.", count_numbers(count));
                self.shared.messages.push(now.utc, text);
                if waits {
                    return self.apply(Step::back(), now);
                }
            }
        }
        Vec::new()
    }
}

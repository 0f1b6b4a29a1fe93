//! Handles what the worker made of files with numbers. A page that was left or changed meanwhile waits for none.

use std::path::Path;

use super::App;
use crate::console::effect::Effect;
use crate::console::go::{Destination, Step};
use crate::console::pages::Page;
use crate::console::shared::ListSource;
use crate::domain::clock::TimePoint;
use crate::domain::text::CleanText;
use crate::numbers::list::NumberList;

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
}

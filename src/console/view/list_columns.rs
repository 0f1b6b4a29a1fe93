//! The columns of the number list: which ones a width has room for, and where they are.
//!
//! Number and state are never more than 60 columns apart. The name is next to the state and the WABA behind it, because
//! the names of a chain differ at their ends: a truncated name is a wrong PIN.

use crate::console::roster::{SortColumn, SortDirection, SortOrder};
use crate::console::theme::Theme;

/// The width of the cursor and the mark before the number, with their blanks.
pub(super) const GUTTER_WIDTH: u16 = 4;

/// The number of blanks between two columns.
const GAP: u16 = 2;

const NUMBER_WIDTH: u16 = 17;
const STATUS_WIDTH: u16 = 17;
const TWO_STEP_WIDTH: u16 = 9;
const LAST_SET_WIDTH: u16 = 11;
const BY_WIDTH: u16 = 12;
const QUALITY_WIDTH: u16 = 7;
const ID_WIDTH: u16 = 15;

/// The narrowest and the widest column of this kind.
const REQUEST_WIDTHS: (u16, u16) = (14, 20);
const WABA_WIDTHS: (u16, u16) = (10, 20);
const MAX_NAME_WIDTH: u16 = 32;

/// A narrower list has no column for the last PIN that was set.
const MIN_WIDTH_FOR_LAST_SET: u16 = 120;

/// A narrower list has one column for the state.
const MIN_WIDTH_FOR_NAME: u16 = 60;

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// The display number.
    Number,
    /// The name.
    Name,
    /// What Meta reports.
    TwoStep,
    /// The last change.
    Request,
    /// The last change if it needs to be seen, else what Meta reports.
    Status,
    /// The WABA.
    Waba,
    /// When the PIN was last set from here.
    LastSet,
    /// Who set it then.
    By,
    /// The quality rating.
    Quality,
    /// The phone number ID.
    Id,
}

impl Column {
    /// The word above the column.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Number => "NUMBER",
            Self::Name => "NAME",
            Self::TwoStep => "TWO-STEP",
            Self::Request => "REQUEST",
            Self::Status => "STATUS",
            Self::Waba => "WABA",
            Self::LastSet => "LAST SET",
            Self::By => "BY",
            Self::Quality => "QUALITY",
            Self::Id => "ID",
        }
    }

    /// The sort order that uses the column.
    pub(super) const fn sort_column(self) -> Option<SortColumn> {
        match self {
            Self::Number => Some(SortColumn::Number),
            Self::Name => Some(SortColumn::Name),
            Self::TwoStep => Some(SortColumn::TwoStep),
            Self::Request => Some(SortColumn::Request),
            Self::Waba => Some(SortColumn::Waba),
            Self::Status | Self::LastSet | Self::By | Self::Quality | Self::Id => None,
        }
    }
}

/// The column that a sort order is about.
const fn column_of(sort: SortColumn) -> Column {
    match sort {
        SortColumn::Number => Column::Number,
        SortColumn::Name => Column::Name,
        SortColumn::Waba => Column::Waba,
        SortColumn::TwoStep => Column::TwoStep,
        SortColumn::Request => Column::Request,
    }
}

/// The sort order, as the heading of its column shows it.
pub(super) fn sort_label(sort: SortOrder, theme: Theme) -> String {
    let mark = match sort.direction {
        SortDirection::Ascending => theme.up_mark(),
        SortDirection::Descending => theme.down_mark(),
    };
    format!("{} {mark}", column_of(sort.column).heading())
}

/// The columns for a width, each with its first column on the screen and its width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    columns: Vec<(Column, u16, u16)>,
    total: u16,
}

impl Columns {
    /// The columns for a list of this width.
    pub(super) fn for_width(total: u16) -> Self {
        let mut columns = Self { columns: Vec::new(), total };
        columns.add(Column::Number, NUMBER_WIDTH);
        if total < MIN_WIDTH_FOR_NAME {
            columns.add(Column::Status, STATUS_WIDTH);
            return columns;
        }
        let fixed = GUTTER_WIDTH + NUMBER_WIDTH + GAP + GAP + TWO_STEP_WIDTH + GAP;
        let (min_request, max_request) = REQUEST_WIDTHS;
        let name = (total - fixed - min_request).min(MAX_NAME_WIDTH);
        columns.add(Column::Name, name);
        columns.add(Column::TwoStep, TWO_STEP_WIDTH);
        columns.add(Column::Request, (total - fixed - name).clamp(min_request, max_request));
        let (min_waba, max_waba) = WABA_WIDTHS;
        // The next column appears before this one is as wide as it can be.
        let max_waba = if total < MIN_WIDTH_FOR_LAST_SET {
            max_waba
        } else {
            max_waba.min((total - columns.end()).saturating_sub(GAP + LAST_SET_WIDTH))
        };
        columns.add_if_fits(Column::Waba, min_waba, max_waba);
        columns.add_if_fits(Column::LastSet, LAST_SET_WIDTH, LAST_SET_WIDTH);
        columns.add_if_fits(Column::By, BY_WIDTH, BY_WIDTH);
        columns.add_if_fits(Column::Quality, QUALITY_WIDTH, QUALITY_WIDTH);
        columns.add_if_fits(Column::Id, ID_WIDTH, ID_WIDTH);
        columns
    }

    /// The first free column.
    fn end(&self) -> u16 {
        self.columns.last().map_or(GUTTER_WIDTH, |(_, x, width)| x + width + GAP)
    }

    fn add(&mut self, column: Column, width: u16) {
        self.columns.push((column, self.end(), width));
    }

    fn add_if_fits(&mut self, column: Column, min: u16, max: u16) {
        let free = self.total.saturating_sub(self.end());
        if free >= min {
            self.add(column, free.min(max));
        }
    }

    /// The width of the list.
    pub(super) const fn total(&self) -> u16 {
        self.total
    }

    /// Each column, its first column on the screen and its width.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Column, u16, usize)> {
        self.columns.iter().map(|(column, x, width)| (*column, *x, usize::from(*width)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_state_are_at_most_60_columns_apart() {
        for total in 40..300 {
            let columns = Columns::for_width(total);
            let start = |wanted: &[Column]| {
                columns.iter().find(|(column, ..)| wanted.contains(column)).map(|(_, x, _)| x).expect("a column")
            };
            let state = start(&[Column::TwoStep, Column::Status]);
            assert!(state - start(&[Column::Number]) <= 60, "{total}");
            let (_, last, width) = columns.iter().last().expect("a column");
            assert!(usize::from(last) + width <= usize::from(total), "{total}");
        }
    }
}

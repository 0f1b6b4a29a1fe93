//! The first numbers of the demo: the first ones work, and the others fail, each as its name says.
//!
//! They are for people who try the console. A world without the faults of the demo does not have them.

/// A number of the demo.
pub(super) struct DemoRow {
    /// Its name; `None` for a name like those of other numbers.
    pub name: Option<&'static str>,
    /// True if a PIN is set at the start.
    pub is_on: bool,
    /// What happens to a request that sets its PIN.
    pub fault: DemoFault,
}

/// What happens to the requests for a number of the demo.
#[derive(Debug, Clone, Copy)]
pub(super) enum DemoFault {
    /// Meta confirms each.
    None,
    /// Meta refuses each with this code and HTTP status.
    Refused { code: i64, status: u16 },
    /// Meta's limit refuses the first ones, and asks to wait for seconds.
    Throttled { times: u32, retry_after: u32 },
    /// The PIN is set, but the connection is lost before the reply.
    NoAnswer,
    /// A proxy replies in Meta's place.
    BadGateway,
}

/// The rows of the list that fail on purpose, counted from 1.
pub const FAILING_DEMO_ROWS: std::ops::RangeInclusive<usize> = 3..=8;

pub(super) const DEMO_ROWS: [DemoRow; 8] = [
    DemoRow { name: None, is_on: false, fault: DemoFault::None },
    DemoRow { name: None, is_on: true, fault: DemoFault::None },
    failing("Fails Ltd (133010)", DemoFault::Refused { code: 133_010, status: 400 }),
    failing("Refused Ltd (200)", DemoFault::Refused { code: 200, status: 403 }),
    failing("Silent Ltd (no answer)", DemoFault::NoAnswer),
    failing("Slow Ltd (quota)", DemoFault::Throttled { times: 2, retry_after: 5 }),
    failing("Broken Ltd (HTTP 502)", DemoFault::BadGateway),
    failing("Locked Ltd (131031)", DemoFault::Refused { code: 131_031, status: 403 }),
];

const fn failing(name: &'static str, fault: DemoFault) -> DemoRow {
    DemoRow { name: Some(name), is_on: false, fault }
}

/// The number at this position, if it is one of the first of the demo.
pub(super) fn demo_row(index: usize) -> Option<&'static DemoRow> {
    DEMO_ROWS.get(index)
}

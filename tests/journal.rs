//! The journal and its directory, as the work and the commands use them: real files, real locks, made-up numbers.

mod support {
    pub(crate) mod records;
    pub(crate) mod skip;
}

#[cfg(test)]
mod ledger {
    mod audit;
    mod changes;
    mod company;
    mod dir;
    mod failing;
    mod recovery;
}

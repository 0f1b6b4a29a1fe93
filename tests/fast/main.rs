//! Tests in one process, without a journal: quick enough to run after every change.

mod config;
mod error_words;
mod graph;
mod numbers;
mod pages;
mod random_walk;

#[path = "../support"]
mod support {
    pub(crate) mod app_fixture;
    pub(crate) mod child;
    pub(crate) mod scripted_server;
    #[expect(dead_code, reason = "the other crate of tests uses more of it")]
    pub(crate) mod skip;
}

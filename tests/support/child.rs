//! The names of tests that run in a child process, as the test harness spells them.

/// The path of a test of this crate for `--exact`, from the `module_path!()` of its module.
pub(crate) fn test_path(module: &str, name: &str) -> String {
    let (_, module) = module.split_once("::").expect("a module inside the crate");
    format!("{module}::{name}")
}

//! Who may use whom: only modules above, and never in a circle. And one name for one public type.

use std::collections::{BTreeMap, BTreeSet};

use crate::assert_no_violations;
use crate::source_file::{SourceFile, read, sources};

/// The modules that a file declares, in its order.
fn declared_modules(path: &str) -> Vec<String> {
    let of_line = |line: &str| {
        Some(line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    read(path).lines().filter_map(of_line).collect()
}

/// What of `sources` names a module that stands below its own in `order`; modules are compared at `depth`.
fn order_violations(sources: &[SourceFile], order: &[String], depth: usize) -> Vec<String> {
    let place = |module: &[String]| order.iter().position(|name| module.get(depth) == Some(name));
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| !source.is_unit_tests()) {
        let module = source.module_path();
        let Some(own) = place(&module) else { continue };
        for path in source.crate_paths().into_iter().filter(|path| path[..depth] == module[..depth]) {
            match place(&path) {
                Some(other) if other <= own => {}
                Some(_) => wrong.push(format!("{} uses {}, which stands below it", source.path, path.join("::"))),
                None => wrong.push(format!("{} uses {}, which is no module", source.path, path.join("::"))),
            }
        }
    }
    wrong
}

/// For each file, the other files that it names. A module and the modules inside it are one unit: they are left out.
fn imports(sources: &[SourceFile]) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let modules: BTreeSet<_> = sources.iter().map(SourceFile::module_path).collect();
    let file_of = |path: &[String]| (1..=path.len()).rev().find_map(|end| modules.get(&path[..end]).cloned());
    let of_file = |source: &SourceFile| {
        let own = source.module_path();
        let others = source.crate_paths().into_iter().filter_map(|path| file_of(&path));
        (own.clone(), others.filter(|other| !other.starts_with(&own) && !own.starts_with(other)).collect())
    };
    sources.iter().filter(|source| !source.is_unit_tests()).map(of_file).collect()
}

/// The files that can be reached from themselves over what they name.
fn circles(imports: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<String> {
    let reaches_itself = |start: &Vec<String>| {
        let (mut open, mut seen) = (vec![start], BTreeSet::new());
        while let Some(module) = open.pop() {
            for other in imports.get(module).into_iter().flatten() {
                if other == start {
                    return true;
                }
                if seen.insert(other) {
                    open.push(other);
                }
            }
        }
        false
    };
    imports.keys().filter(|module| reaches_itself(module)).map(|module| module.join("::")).collect()
}

#[test]
fn a_module_imports_only_modules_above_it() {
    let order = declared_modules("src/lib.rs");
    assert!(order.len() > 10, "{order:?}");
    assert_no_violations(&order_violations(&sources("src"), &order, 0));
}

#[test]
fn a_module_of_the_console_imports_only_those_above_it() {
    let order = declared_modules("src/console.rs");
    assert!(order.len() > 8, "{order:?}");
    assert_no_violations(&order_violations(&sources("src/console"), &order, 1));
}

#[test]
fn the_order_is_held_against_every_way_to_name_a_module() {
    let text = "use crate::a::{self, b::C, d as e};\nuse super::{f, super::g::H};\nlet x = crate::i::J::new(super::k);";
    let source = SourceFile { path: "src/console/view/list.rs".to_owned(), text: text.to_owned() };
    let paths: Vec<String> = source.crate_paths().iter().map(|path| path.join("::")).collect();
    let expected = ["a::b::C", "a::d", "a::self", "console::g::H", "console::view::f", "console::view::k", "i::J::new"];
    assert!(expected.iter().all(|path| paths.iter().any(|found| found == path)), "{paths:?}");
    let order = ["f".to_owned(), "view".to_owned(), "app".to_owned()];
    let below = SourceFile { path: "src/console/view.rs".to_owned(), text: "use crate::console::app::App;".to_owned() };
    assert_eq!(order_violations(&[below], &order, 1).len(), 1);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_no_violations(&circles(&imports(&sources("src"))));
}

#[test]
fn a_circle_of_any_length_is_found() {
    let file = |path: &str, text: &str| SourceFile { path: format!("src/{path}.rs"), text: text.to_owned() };
    let files = [
        file("a", "mod inner;\nuse self::inner::X;"),
        file("a/inner", "use super::Y;\nuse crate::b::Z;"),
        file("b", "use crate::c::{D, E};"),
        file("c", "use crate::a::inner;"),
        file("d", "use crate::b::Z;"),
    ];
    assert_eq!(circles(&imports(&files)), ["a::inner", "b", "c"]);
}

#[test]
fn no_two_public_types_share_a_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources("src").iter().filter(|source| !source.is_unit_tests()) {
        for line in source.code().lines() {
            let declared = ["struct ", "enum ", "trait ", "type "];
            let Some(rest) = line.strip_prefix("pub ") else { continue };
            if let Some(rest) = declared.iter().find_map(|keyword| rest.strip_prefix(keyword)) {
                let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                places.entry(name.to_owned()).or_default().push(source.path.clone());
            }
        }
    }
    let shared: Vec<_> = places.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

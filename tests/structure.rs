//! The structure of `src`: imports go down the levels of the map in `lib.rs`, every file is on it, and
//! there is no circle.
//!
//! Every crate path counts: imports, grouped or not, paths inside functions, and paths inside
//! macros. Method calls are not paths; the type that they belong to is imported somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, UseTree};

/// A module's path without `crate`, such as `["cloudwatch", "data", "plan"]`.
type Module = Vec<String>;

fn module(text: &str) -> Module {
    text.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Collects the crate's modules that the paths in a file refer to.
struct Paths<'a> {
    modules: &'a BTreeSet<Module>,
    /// The module that the visitor is in: the file's, or an inline one in it.
    current: Module,
    /// The names that imports bring into scope.
    imported: BTreeMap<String, Module>,
    found: BTreeSet<Module>,
}

impl Paths<'_> {
    /// The absolute path, if it is one of this crate's.
    fn resolve(&self, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" | "stackstate_mirror" => Module::new(),
            "self" => self.current.clone(),
            "super" => self.current.split_last()?.1.to_vec(),
            name => {
                let child = [&self.current[..], &[name.to_owned()]].concat();
                match self.imported.get(name) {
                    Some(path) => path.clone(),
                    None if self.modules.contains(&child) => child,
                    None => return None,
                }
            }
        };
        for part in rest {
            if part == "super" {
                base.pop();
            } else {
                base.push(part.clone());
            }
        }
        Some(base)
    }

    fn record(&mut self, path: &[String]) {
        if let Some(path) = self.resolve(path) {
            let lengths = (0..=path.len()).rev();
            let longest = lengths.map(|length| &path[..length]);
            let module = longest.into_iter().find(|path| self.modules.contains(*path));
            self.found.extend(module.map(<[_]>::to_vec));
        }
    }

    fn import(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: String| [prefix, &[name]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => return self.import(&with(path.ident.to_string()), &path.tree),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(prefix, tree));
            }
            UseTree::Glob(_) => (prefix.to_vec(), None),
            UseTree::Name(name) if name.ident == "self" => {
                (prefix.to_vec(), prefix.last().cloned())
            }
            UseTree::Name(name) => (with(name.ident.to_string()), Some(name.ident.to_string())),
            UseTree::Rename(rename) => {
                (with(rename.ident.to_string()), Some(rename.rename.to_string()))
            }
        };
        self.record(&path);
        if let (Some(name), Some(path)) = (name, self.resolve(&path)) {
            self.imported.insert(name, path);
        }
    }

    /// Records the paths in a macro's tokens: names joined by `::`.
    fn record_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.record(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.record(&std::mem::take(&mut path));
                    self.record_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.record(&std::mem::take(&mut path));
                }
            }
            colons = 0;
        }
        self.record(&path);
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.record(&names);
        visit::visit_path(self, path);
    }

    // `pub(super)` refers to nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.record_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let outer = self.imported.clone();
        self.current.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.current.pop();
        self.imported = outer;
    }
}

/// The modules of the crate that a module's file refers to, itself excluded.
fn references(modules: &BTreeSet<Module>, of: &Module, source: &str) -> BTreeSet<Module> {
    let file = syn::parse_file(source).unwrap();
    let mut paths =
        Paths { modules, current: of.clone(), imported: BTreeMap::new(), found: BTreeSet::new() };
    // Imports first, because they count from the beginning of the file.
    for item in &file.items {
        if let syn::Item::Use(item) = item {
            paths.visit_item_use(item);
        }
    }
    paths.visit_file(&file);
    paths.found.remove(of);
    paths.found
}

/// A circle in the graph, if there is one.
fn circle(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<String>> {
    fn visit(
        module: &Module,
        graph: &BTreeMap<Module, BTreeSet<Module>>,
        path: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|known| known == module) {
            return Some(path[start..].iter().map(|module| module.join("::")).collect());
        }
        if !done.contains(module) {
            path.push(module.clone());
            for next in graph.get(module).into_iter().flatten() {
                if let Some(circle) = visit(next, graph, path, done) {
                    return Some(circle);
                }
            }
            path.pop();
            done.insert(module.clone());
        }
        None
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|module| visit(module, graph, &mut Vec::new(), &mut done))
}

/// All files of `src` by module.
fn files() -> BTreeMap<Module, PathBuf> {
    fn add(folder: &Path, prefix: &Module, files: &mut BTreeMap<Module, PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let inner = [&prefix[..], std::slice::from_ref(&name)].concat();
            if path.is_dir() {
                add(&path, &inner, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let is_folder = name == "mod" || name == "lib";
                files.insert(if is_folder { prefix.clone() } else { inner }, path);
            }
        }
    }
    let mut found = BTreeMap::new();
    add(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &Module::new(), &mut found);
    found
}

/// The map in `lib.rs`: the level of each module in its table, and the words about it.
fn map() -> BTreeMap<Module, (u32, String)> {
    let source = include_str!("../src/lib.rs");
    let mut map = BTreeMap::new();
    for line in source.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let Ok(level) = cells[0].parse() else { continue };
        let row = (level, cells[2].to_owned());
        assert_eq!(map.insert(module(cells[1].trim_matches('`')), row), None, "{line}");
    }
    map
}

/// The graph of all modules: each with the modules that its file refers to.
fn graph() -> BTreeMap<Module, BTreeSet<Module>> {
    let files = files();
    let modules: BTreeSet<Module> = files.keys().cloned().collect();
    files
        .iter()
        .map(|(of, path)| {
            (of.clone(), references(&modules, of, &fs::read_to_string(path).unwrap()))
        })
        .collect()
}

#[test]
fn there_is_no_circle() {
    assert_eq!(circle(&graph()), None);
}

#[test]
fn every_file_is_on_the_map_and_imports_from_below() {
    let (map, graph) = (map(), graph());
    // The longest entry that a module is in.
    let entry = |module: &Module| {
        let entries = map.iter().filter(|(known, _)| module.starts_with(known));
        entries.max_by_key(|(known, _)| known.len()).unwrap_or_else(|| panic!("{module:?}"))
    };
    for known in map.keys() {
        assert!(graph.contains_key(known), "{known:?} is no file");
    }
    for (from, all) in graph.iter().filter(|(from, _)| !from.is_empty()) {
        let (known, (level, words)) = entry(from);
        let name = format!("`{}`", from.last().unwrap());
        assert!(from == known || words.contains(&name), "{from:?} is not on the map");
        for to in all {
            let (other, (below, _)) = entry(to);
            assert!(known == other || level > below, "{from:?} → {to:?} does not go down");
        }
    }
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let modules: BTreeSet<Module> =
        ["", "a", "a::b", "a::c", "d", "main"].iter().map(|text| module(text)).collect();
    for (of, source, expected) in [
        ("a::b", "use crate::d;", &["d"][..]),
        ("a::b", "use crate::d::{Thing, Other};", &["d"]),
        ("a::b", "use crate::{a::c::Thing, d};", &["a::c", "d"]),
        ("a::b", "use super::c;", &["a::c"]),
        ("a::b", "use super::Thing;", &["a"]),
        ("a::b", "use super::super::d;", &["d"]),
        ("a", "use self::b::Thing as Other;", &["a::b"]),
        ("a", "use b::Thing;", &["a::b"]),
        ("a", "fn f() { b::g() }", &["a::b"]),
        ("a", "mod b; mod c;", &[]),
        ("a::b", "pub(super) fn f() {} pub(in crate::a) fn g() {}", &[]),
        ("a::b", "fn f() { crate::d::g() }", &["d"]),
        ("a::b", "fn f(x: crate::d::T) -> super::c::U { x.into() }", &["a::c", "d"]),
        ("a::b", "fn f() { println!(\"{}\", crate::d::g(&[super::c::X])) }", &["a::c", "d"]),
        ("a::b", "use crate::a; fn f() { a::c::g() }", &["a", "a::c"]),
        ("a::b", "fn f() { a::c::g() } use crate::a;", &["a", "a::c"]),
        ("a::b", "#[cfg(test)] mod tests { use super::*; use crate::d::X; }", &["d"]),
        ("a::b", "mod tests { fn f() { super::super::c::g() } }", &["a::c"]),
        ("a::b", "use std::fmt; use serde::de::Error;", &[]),
        ("main", "use stackstate_mirror::a::{b, c::X};", &["a::b", "a::c"]),
    ] {
        let found: Vec<String> = references(&modules, &module(of), source)
            .into_iter()
            .map(|module| module.join("::"))
            .collect();
        assert_eq!(found, expected, "{of}: {source}");
    }
}

#[test]
fn a_circle_is_found() {
    let graph = |arrows: &[(&str, &str)]| {
        let mut graph: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (from, to) in arrows {
            graph.entry(module(from)).or_default().insert(module(to));
        }
        graph
    };
    assert_eq!(circle(&graph(&[("a", "b"), ("a", "c"), ("b", "c")])), None);
    let found = circle(&graph(&[("a", "b"), ("b", "c"), ("c", "b")]));
    assert_eq!(found, Some(vec!["b".to_owned(), "c".to_owned()]));
}

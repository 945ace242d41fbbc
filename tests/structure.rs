//! The structure of `src`: imports go down the levels of the maps in `lib.rs` and
//! `cloudwatch/mod.rs`, and there is no circle.
//!
//! Every crate path counts: imports, grouped or not, paths inside functions, and paths inside
//! macros. Method calls are not paths; the type that they belong to is imported somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "the test prints the arrows that it found")]

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

/// The levels in the map of a file: the rows of the table in its comment.
fn levels(source: &str) -> BTreeMap<String, u32> {
    let mut levels = BTreeMap::new();
    for line in source.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let mut cells = line.split('|');
        let Some(level) = cells.next().and_then(|cell| cell.trim().parse().ok()) else { continue };
        for name in cells.next().unwrap().split('`').skip(1).step_by(2) {
            let name = name.trim_end_matches(".rs").to_owned();
            assert_eq!(levels.insert(name, level), None, "{line}");
        }
    }
    levels
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

/// The arrows between the children of `parent`: which refers to which.
fn arrows(
    graph: &BTreeMap<Module, BTreeSet<Module>>,
    parent: &[String],
) -> BTreeSet<(String, String)> {
    let child = |module: &Module| module.strip_prefix(parent)?.first().cloned();
    let mut arrows = BTreeSet::new();
    for (from, all) in graph {
        for to in all {
            if let (Some(from), Some(to)) = (child(from), child(to))
                && from != to
            {
                arrows.insert((from, to));
            }
        }
    }
    arrows
}

#[test]
fn there_is_no_circle() {
    assert_eq!(circle(&graph()), None);
}

#[test]
fn imports_go_down_the_levels_of_the_maps() {
    let graph = graph();
    for (parent, file) in [("", "lib.rs"), ("cloudwatch", "cloudwatch/mod.rs")] {
        let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
        let levels = levels(&fs::read_to_string(map).unwrap());
        let parent = module(parent);
        let children: BTreeSet<&String> =
            graph.keys().filter_map(|module| module.strip_prefix(&parent[..])?.first()).collect();
        let named: BTreeSet<&String> = levels.keys().collect();
        assert_eq!(named, children, "{file} names every file and folder beside it");
        for (from, to) in arrows(&graph, &parent) {
            println!("{file}: {from} ({}) → {to} ({})", levels[&from], levels[&to]);
            assert!(levels[&from] > levels[&to], "{file}: {from} → {to} does not go down");
        }
    }
}

#[test]
fn the_folders_of_cloudwatch_have_these_arrows() {
    let calls = ["connection_test", "fields", "metrics"];
    let graph = graph();
    let arrows: BTreeSet<(String, String)> = arrows(&graph, &module("cloudwatch"))
        .into_iter()
        .map(|(from, to)| (if calls.contains(&&*from) { "calls".to_owned() } else { from }, to))
        .collect();
    let expected = [
        ("calls", "aws"),
        ("calls", "data"),
        ("calls", "listing"),
        ("calls", "query"),
        ("calls", "lookup"),
        ("calls", "store"),
        ("data", "aws"),
        ("data", "query"),
        ("listing", "aws"),
        ("listing", "query"),
        ("lookup", "aws"),
        ("lookup", "listing"),
        ("lookup", "query"),
        ("lookup", "store"),
        ("store", "aws"),
        ("store", "data"),
        ("store", "listing"),
    ];
    let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
    assert_eq!(arrows, expected.into());
    let aws =
        graph.iter().filter(|(module, _)| module.starts_with(&self::module("cloudwatch::aws")));
    assert!(aws.into_iter().any(|(_, all)| all.contains(&module("cache"))), "aws → cache");
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

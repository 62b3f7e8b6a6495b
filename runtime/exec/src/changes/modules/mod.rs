//! Kernel modules taken away, and depmod's tables of those that stay.
//!
//! depmod(8) is not run: what is left of its tables is known from them. Its text files are
//! filtered, and its indexes written from those as it writes them, to the byte.

mod index;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{ImagePath, Origin, module_name as name, names_module as names};

use self::index::Index;
use super::error::Problem;
use super::view::{Attributes, Kind};
use super::working::{self, Working};

/// What of the modules stays.
pub(super) struct Prune<'a> {
    /// Names, globs or directories of modules; all when empty.
    pub(super) keep: &'a [String],
    /// Names, globs or directories of modules that go, unless another needs them.
    pub(super) drop: &'a [String],
    /// The firmware stays.
    pub(super) firmware: bool,
}

/// One module, as `modules.dep` has it.
struct Module<'a> {
    /// From the version's directory on.
    path: &'a str,
    name: String,
    needs: Vec<&'a str>,
    line: &'a str,
}

/// Files of depmod whose lines name a module in their last word, or in another.
const ALIASES: [&str; 2] = ["modules.alias", "modules.symbols"];
const NAMED_FIRST: [&str; 3] = ["modules.softdep", "modules.weakdep", "modules.devname"];

pub(super) fn apply(
    work: &mut Working<'_>,
    prune: &Prune<'_>,
    origin: &Origin,
) -> Result<(), Problem> {
    let none = || {
        Problem::new("there are no kernel modules in the image")
            .help("a `kernel` brings them, and its package `kmod` writes their tables")
    };
    let real = |work: &Working<'_>, path: &str| {
        let found = ImagePath::new(path).and_then(|path| work.follow(&path));
        found.filter(|(_, kind)| *kind == Kind::Directory).map(|(path, _)| path)
    };
    let top = real(work, "/lib/modules").ok_or_else(none)?;
    let mut matched = BTreeSet::new();
    let mut versions = 0;
    for version in work.names(&top) {
        let directory = top.join(&version);
        if let Some(text) = text(work, &directory, "modules.dep")? {
            matched.extend(version_apply(work, &directory, &text, prune, origin)?);
            versions += 1;
        }
    }
    if versions == 0 {
        return Err(none());
    }
    let unmatched = prune.keep.iter().find(|pattern| !matched.contains(*pattern));
    if let Some(pattern) = unmatched {
        return Err(Problem::new(format!("no kernel module is called `{pattern}`")).help(
            "a module's name, a glob of names, or a directory as in \"drivers/net/ethernet\"",
        ));
    }
    for pattern in prune.drop.iter().filter(|pattern| !matched.contains(*pattern)) {
        work.note(origin, format!("no kernel module is called `{pattern}`"));
    }
    if !prune.firmware
        && let Some(firmware) = real(work, "/lib/firmware")
    {
        work.remove(&firmware, origin);
    }
    Ok(())
}

/// The text of a file in a directory, where it is there.
fn text(work: &Working<'_>, directory: &ImagePath, name: &str) -> Result<Option<String>, Problem> {
    let content = work.content(&directory.join(name.as_bytes()))?;
    Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Prunes the modules of one kernel; gives the patterns that name something in it.
fn version_apply<'p>(
    work: &mut Working<'_>,
    directory: &ImagePath,
    dep: &str,
    prune: &Prune<'p>,
    origin: &Origin,
) -> Result<BTreeSet<&'p String>, Problem> {
    let modules = parse(dep);
    let builtin = text(work, directory, "modules.builtin")?.unwrap_or_default();
    let mut matched = BTreeSet::new();
    for pattern in prune.keep.iter().chain(prune.drop) {
        let paths = modules.iter().map(|module| module.path).chain(builtin.lines());
        if paths.into_iter().any(|path| names(pattern, path)) {
            matched.insert(pattern);
        }
    }
    let softdeps = text(work, directory, "modules.softdep")?.unwrap_or_default();
    let aliases = text(work, directory, "modules.alias")?.unwrap_or_default();
    let soft = soft(&softdeps, &aliases);
    let kept = kept(&modules, &soft, prune);
    let gone: BTreeSet<&str> = modules
        .iter()
        .filter(|module| !kept.contains(module.path))
        .map(|module| module.name.as_str())
        .collect();
    if gone.is_empty() {
        return Ok(matched);
    }
    for module in modules.iter().filter(|module| !kept.contains(module.path)) {
        let mut path =
            module.path.split('/').fold(directory.clone(), |at, part| at.join(part.as_bytes()));
        work.remove(&path, origin);
        while let Some(parent) = path.parent().filter(|parent| parent != directory) {
            if !work.names(&parent).is_empty() {
                break;
            }
            work.remove(&parent, origin);
            path = parent;
        }
    }
    let tables = tables(work, directory, &modules, &gone)?;
    for (name, bytes) in tables {
        let path = directory.join(name.as_bytes());
        let Some(Attributes { mode, uid, gid, xattrs }) = work.below.attributes(&path) else {
            continue;
        };
        work.put(&path, working::file(bytes, mode, (uid, gid), xattrs), origin);
    }
    Ok(matched)
}

fn parse(dep: &str) -> Vec<Module<'_>> {
    let lines = dep.lines().filter_map(|line| Some((line, line.split_once(':')?)));
    lines
        .map(|(line, (path, needs))| Module {
            path,
            name: name(path),
            needs: needs.split_whitespace().collect(),
            line,
        })
        .collect()
}

/// What modules ask to be loaded with them, by their names (modprobe.d(5), `softdep`). It may be
/// named by an alias.
fn soft(softdeps: &str, aliases: &str) -> BTreeMap<String, BTreeSet<String>> {
    let plain = |word: &str| word.replace('-', "_");
    let named = aliases.lines().filter_map(|line| line.strip_prefix("alias ")?.rsplit_once(' '));
    let named: BTreeMap<String, &str> =
        named.map(|(alias, module)| (plain(alias), module)).collect();
    let mut soft: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in softdeps.lines().filter_map(|line| line.strip_prefix("softdep ")) {
        let mut words = line.split_whitespace().filter(|word| !word.ends_with(':')).map(plain);
        let Some(module) = words.next() else { continue };
        let asked = words.map(|word| named.get(&word).map_or(word, |name| (*name).to_owned()));
        soft.entry(module).or_default().extend(asked);
    }
    soft
}

/// The paths of the modules that stay, with those that they need.
fn kept<'a>(
    modules: &[Module<'a>],
    soft: &BTreeMap<String, BTreeSet<String>>,
    prune: &Prune<'_>,
) -> BTreeSet<&'a str> {
    let by_path: BTreeMap<&str, &Module<'a>> =
        modules.iter().map(|module| (module.path, module)).collect();
    let by_name: BTreeMap<&str, &'a str> =
        modules.iter().map(|module| (module.name.as_str(), module.path)).collect();
    let any = |patterns: &[String], path: &str| patterns.iter().any(|one| names(one, path));
    let mut pending: Vec<&'a str> = modules
        .iter()
        .map(|module| module.path)
        .filter(|path| prune.keep.is_empty() || any(prune.keep, path))
        .filter(|path| !any(prune.drop, path))
        .collect();
    let mut kept = BTreeSet::new();
    while let Some(path) = pending.pop() {
        if kept.insert(path)
            && let Some(module) = by_path.get(path)
        {
            pending.extend(&module.needs);
            let asked = soft.get(&module.name).into_iter().flatten();
            pending.extend(asked.filter_map(|name| by_name.get(name.as_str())));
        }
    }
    kept
}

/// depmod's files without the modules that are gone, those that are there.
fn tables(
    work: &Working<'_>,
    directory: &ImagePath,
    modules: &[Module<'_>],
    gone: &BTreeSet<&str>,
) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let stays = |name: Option<&str>| name.is_none_or(|name| !gone.contains(name));
    let left: Vec<&Module<'_>> =
        modules.iter().filter(|module| stays(Some(&module.name))).collect();
    let places: BTreeMap<&str, u32> =
        (0..).zip(&left).map(|(at, module)| (module.name.as_str(), at)).collect();
    let mut tables = Vec::new();

    let mut dep = Index::default();
    for (at, module) in (0..).zip(&left) {
        dep.insert(&module.name, module.line, at);
    }
    let lines: Vec<String> = left.iter().map(|module| format!("{}\n", module.line)).collect();
    tables.push(("modules.dep".to_owned(), lines.concat().into_bytes()));
    tables.push(("modules.dep.bin".to_owned(), dep.written()));

    for file in ALIASES {
        let Some(text) = text(work, directory, file)? else { continue };
        let text = filtered(&text, |line| stays(line.split(' ').next_back()));
        let mut index = Index::default();
        for line in text.lines().filter_map(|line| line.strip_prefix("alias ")) {
            if let Some((alias, module)) = line.rsplit_once(' ') {
                let place = places.get(module).copied().unwrap_or_default();
                index.insert(&normal(alias), module, place);
            }
        }
        tables.push((format!("{file}.bin"), index.written()));
        tables.push((file.to_owned(), text.into_bytes()));
    }
    for file in NAMED_FIRST {
        let Some(text) = text(work, directory, file)? else { continue };
        let first = |line: &str| {
            let mut words =
                line.split(' ').skip_while(|word| ["softdep", "weakdep"].contains(word));
            words.next().map(|word| word.replace('-', "_"))
        };
        let text = filtered(&text, |line| line.starts_with('#') || stays(first(line).as_deref()));
        tables.push((file.to_owned(), text.into_bytes()));
    }
    if let Some(text) = text(work, directory, "modules.order")? {
        let text = filtered(&text, |line| stays(Some(&name(line))));
        tables.push(("modules.order".to_owned(), text.into_bytes()));
    }
    Ok(tables)
}

fn filtered(text: &str, keep: impl Fn(&str) -> bool) -> String {
    text.split_inclusive('\n').filter(|line| keep(line.trim_end_matches('\n'))).collect()
}

/// An alias as the index has it: `-` is `_`, but not between brackets.
fn normal(alias: &str) -> String {
    let mut inside = false;
    alias
        .chars()
        .map(|c| {
            inside = c == '[' || (inside && c != ']');
            if c == '-' && !inside { '_' } else { c }
        })
        .collect()
}

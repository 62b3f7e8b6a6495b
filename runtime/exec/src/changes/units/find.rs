//! The search for a unit file in an image.

use std::collections::BTreeSet;

use forge_model::ImagePath;

use super::super::error::Problem;
use super::super::view::Kind;
use super::super::working::Working;
use super::name::UnitName;

/// Where units are searched, the strongest first. What exists on a running system alone (`/run`,
/// generators) is no part of an image.
const SEARCH: [&str; 4] = [
    "etc/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// Aliases followed before a unit is given up.
const MAX_ALIASES: usize = 8;

/// A unit file.
#[derive(Debug)]
pub(super) struct Unit {
    /// The unit's own name, aliases followed.
    pub(super) name: UnitName,
    /// The real path of its file; a template's for an instance without a file of its own.
    pub(super) path: ImagePath,
}

/// What stands behind a name.
#[derive(Debug)]
pub(super) enum Found {
    Unit(Unit),
    /// The path that masks it.
    Masked(ImagePath),
    Missing,
}

/// The real directories of the search path that are in the image.
pub(super) fn search_dirs(work: &Working<'_>) -> Vec<ImagePath> {
    let mut dirs = Vec::new();
    for dir in SEARCH.iter().filter_map(ImagePath::new) {
        if let Some((real, Kind::Directory)) = work.follow(&dir)
            && !dirs.contains(&real)
        {
            dirs.push(real);
        }
    }
    dirs
}

/// Finds the file of a unit: its own, or its template's.
pub(super) fn find(work: &Working<'_>, name: &UnitName) -> Result<Found, Problem> {
    let dirs = search_dirs(work);
    let mut name = name.clone();
    for _ in 0..MAX_ALIASES {
        let own = locate(work, &dirs, &name)?;
        let located = match (own, name.template()) {
            (Located::Nowhere, Some(template)) => locate(work, &dirs, &template)?,
            (own, _) => own,
        };
        match located {
            Located::Nowhere => return Ok(Found::Missing),
            Located::Masked(path) => return Ok(Found::Masked(path)),
            Located::File(path) => return Ok(Found::Unit(Unit { name, path })),
            Located::Alias(other) => {
                name = match (name.instance(), other.is_template()) {
                    (Some(instance), true) => other.with_instance(instance),
                    _ => other,
                };
            }
        }
    }
    Err(Problem::new(format!("the aliases of unit `{name}` go round in circles")))
}

enum Located {
    Nowhere,
    Masked(ImagePath),
    File(ImagePath),
    Alias(UnitName),
}

fn locate(work: &Working<'_>, dirs: &[ImagePath], name: &UnitName) -> Result<Located, Problem> {
    let file = name.to_string();
    for dir in dirs {
        let path = dir.join(file.as_bytes());
        match work.kind(&path) {
            None | Some(Kind::Directory | Kind::Other) => {}
            Some(Kind::File) => {
                let empty = work.content(&path)?.is_some_and(|content| content.is_empty());
                return Ok(if empty { Located::Masked(path) } else { Located::File(path) });
            }
            Some(Kind::Symlink(_)) => {
                let Ok(target) = work.resolve(&path, true) else {
                    continue;
                };
                if target.as_bytes() == b"dev/null" {
                    return Ok(Located::Masked(path));
                }
                // A link that leads nowhere names no unit.
                if work.kind(&target) != Some(Kind::File) {
                    continue;
                }
                let other = std::str::from_utf8(target.file_name()).ok().and_then(UnitName::read);
                return Ok(match other {
                    Some(other) if other != *name && Some(&other) != name.template().as_ref() => {
                        Located::Alias(other)
                    }
                    _ => Located::File(target),
                });
            }
        }
    }
    Ok(Located::Nowhere)
}

/// The error for a unit that is not in the image, with what comes nearest.
pub(super) fn missing(work: &Working<'_>, name: &UnitName) -> Problem {
    let dirs = search_dirs(work);
    let problem = Problem::new(format!("unit `{name}` is not in the image"));
    let script = ImagePath::new(format!("etc/init.d/{}", name.prefix()));
    let sysv = script.and_then(|path| work.follow(&path));
    if name.kind() == "service" && matches!(sysv, Some((_, Kind::File))) {
        return problem.help(format!(
            "there is only the SysV script `/etc/init.d/{}`: bring a unit for it with `unit \"{name}\" source=…`",
            name.prefix()
        ));
    }
    let known: BTreeSet<String> = dirs
        .iter()
        .flat_map(|dir| work.names(dir))
        .filter_map(|file| UnitName::read(std::str::from_utf8(&file).ok()?))
        .map(|known| known.to_string())
        .collect();
    let near = nearest(&name.to_string(), &known);
    if near.is_empty() {
        return problem.help(format!(
            "name the package that brings it, or bring it with `unit \"{name}\" source=…`"
        ));
    }
    let near: Vec<_> = near.iter().map(|name| format!("`{name}`")).collect();
    problem.help(format!("did you mean {}?", near.join(" or ")))
}

/// Up to three known names that are much like `name`, the likest first.
fn nearest<'a>(name: &str, known: &'a BTreeSet<String>) -> Vec<&'a str> {
    let own = stem(name);
    let mut rated: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|other| {
            let distance = strsim::damerau_levenshtein(own, stem(other));
            // `sshd` for `ssh` and `slurm` for `slurmd` are as likely as a slip of the finger.
            let part = own.len() > 2 && (stem(other).contains(own) || own.contains(stem(other)));
            let near = part || distance <= (own.len() / 3).max(1);
            near.then_some((distance, other.as_str()))
        })
        .collect();
    rated.sort_unstable();
    rated.truncate(3);
    rated.into_iter().map(|(_, name)| name).collect()
}

/// A unit's name without its kind.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

//! Disabling: the links that make a unit start are taken away.

use std::collections::BTreeSet;

use forge_model::{ImagePath, Origin};

use super::super::error::Problem;
use super::super::view::Kind;
use super::super::working::Working;
use super::find::{Found, find, missing};
use super::install::Install;
use super::name::{UnitName, expand};
use super::{Done, config_dir};

/// Levels of directories below the administrator's that are searched for links.
const MAX_DEPTH: usize = 8;

/// Takes away every link below `/etc/systemd/system` that leads to the unit, or to one that its
/// `Also=` names, or that bears such a name; then the links to those, and directories left empty.
/// A masked unit stays masked.
pub(in super::super) fn disable(work: &mut Working<'_>, unit: &str, origin: &Origin) -> Done {
    let first = UnitName::parse(unit)?;
    let mut absent = None;
    let mut marked = BTreeSet::new();
    let mut queue = vec![first.clone()];
    let mut seen = BTreeSet::new();
    while let Some(name) = queue.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        match find(work, &name)? {
            Found::Masked(_) => {}
            Found::Missing => {
                if name == first {
                    absent = Some(missing(work, &name));
                }
                marked.insert(name.to_string().into_bytes());
            }
            Found::Unit(found) => {
                let install = Install::read(work, &found)?;
                for also in &install.also {
                    queue.push(UnitName::parse(&expand(also, &found.name, None)?)?);
                }
                marked.insert(found.name.to_string().into_bytes());
            }
        }
    }
    let config = work.resolve(&config_dir(), true)?;
    let mut removed = false;
    // A removed link is itself a name that other links may lead to.
    loop {
        let links = links(work, &config, &marked)?;
        if links.is_empty() {
            break;
        }
        for link in links {
            marked.insert(link.file_name().to_vec());
            work.remove(&link, origin);
            drop_empty_parents(work, &link, &config, origin);
            removed = true;
        }
    }
    match absent {
        Some(problem) if !removed => Err(problem),
        _ => Ok(()),
    }
}

/// Links below `config` that bear or lead to a marked name.
fn links(
    work: &Working<'_>,
    config: &ImagePath,
    marked: &BTreeSet<Vec<u8>>,
) -> Result<Vec<ImagePath>, Problem> {
    let mut found = Vec::new();
    let mut dirs = vec![(config.clone(), 0)];
    while let Some((dir, depth)) = dirs.pop() {
        if depth > MAX_DEPTH {
            return Err(Problem::new(format!("`{dir}` lies too deep for units")));
        }
        if work.kind(&dir) != Some(Kind::Directory) {
            continue;
        }
        for name in work.names(&dir) {
            let path = dir.join(&name);
            match work.kind(&path) {
                Some(Kind::Directory) => dirs.push((path, depth + 1)),
                Some(Kind::Symlink(_)) => {
                    let valid = std::str::from_utf8(&name).ok().and_then(UnitName::read).is_some();
                    let leads = work
                        .resolve(&path, true)
                        .is_ok_and(|target| marked.contains(target.file_name()));
                    if valid && (leads || marked.contains(&name)) {
                        found.push(path);
                    }
                }
                None | Some(Kind::File | Kind::Other) => {}
            }
        }
    }
    Ok(found)
}

fn drop_empty_parents(
    work: &mut Working<'_>,
    link: &ImagePath,
    config: &ImagePath,
    origin: &Origin,
) {
    let mut at = link.parent();
    while let Some(dir) = at.filter(|dir| dir != config && dir.starts_with(config)) {
        if !work.names(&dir).is_empty() {
            break;
        }
        work.remove(&dir, origin);
        at = dir.parent();
    }
}

//! Units enabled, disabled and masked as `systemctl --root` does it (systemctl(1),
//! systemd.unit(5) on `[Install]`). Presets are not consulted.
//!
//! Beyond systemctl: an alias in `/etc/systemd/system` may be enabled by that name, which enables
//! the unit that it leads to; a link that is there already and leads to the same unit stays as it
//! is; and a unit without `[Install]` is noted.

mod find;
mod install;
mod name;
#[cfg(test)]
mod tests;
mod unlink;

use std::collections::{BTreeSet, VecDeque};

use forge_model::{EntryKind, ImagePath, Origin};

use super::error::Problem;
use super::view::Kind;
use super::working::{self, Working};
use find::{Found, Unit, find};
use install::Install;
use name::{UnitName, expand};

pub(super) use unlink::disable;

type Done = Result<(), Problem>;

/// Where an administrator's units and links are.
fn config_dir() -> ImagePath {
    ImagePath::new("etc/systemd/system").unwrap_or(ImagePath::ROOT)
}

pub(super) fn enable(work: &mut Working<'_>, unit: &str, origin: &Origin) -> Done {
    let first = UnitName::parse(unit)?;
    let mut queue = VecDeque::from([first]);
    let mut done = BTreeSet::new();
    while let Some(name) = queue.pop_front() {
        if !done.insert(name.to_string()) {
            continue;
        }
        let auxiliary = done.len() > 1;
        let found = match find(work, &name)? {
            Found::Unit(found) => found,
            // What `Also=` names may be absent or masked: systemctl goes on as well.
            Found::Masked(_) | Found::Missing if auxiliary => {
                work.note(
                    origin,
                    format!(
                        "`{unit}` names `{name}` in `Also=`, which is masked or not in the image"
                    ),
                );
                continue;
            }
            Found::Masked(at) => {
                let help = if at.starts_with(&config_dir()) {
                    format!("take the mask away: `remove \"{at}\"`")
                } else {
                    "its package masks it, other units do its work: leave it as it is".to_owned()
                };
                return Err(Problem::new(format!("`{name}` is masked by `{at}`")).help(help));
            }
            Found::Missing => return Err(find::missing(work, &name)),
        };
        done.insert(found.name.to_string());
        let install = Install::read(work, &found)?;
        if install.is_empty() && !auxiliary {
            work.note(origin, format!("`{name}` has no `[Install]` section: enabling it changes nothing, other units start it"));
        }
        link_all(work, &found, &install, origin)?;
        for also in &install.also {
            queue.push_back(UnitName::parse(&expand(also, &found.name, None)?)?);
        }
    }
    Ok(())
}

/// The links of one unit.
fn link_all(work: &mut Working<'_>, unit: &Unit, install: &Install, origin: &Origin) -> Done {
    let default = match &install.default_instance {
        Some(text) => Some(expand(text, &unit.name, None)?),
        None => None,
    };
    for alias in &install.aliases {
        let alias = expand(alias, &unit.name, default.as_deref())?;
        let at = alias_path(&alias, &unit.name)?;
        link(work, &at, &unit.path, origin)?;
    }
    // A template is linked as its default instance, or as itself from another template.
    let linked = match (&default, unit.name.is_template()) {
        (Some(instance), true) => unit.name.with_instance(instance),
        _ => unit.name.clone(),
    };
    if linked != unit.name
        && let Found::Masked(at) = find(work, &linked)?
    {
        return Err(Problem::new(format!("the default instance `{linked}` is masked by `{at}`")));
    }
    for (list, suffix) in [(&install.wanted_by, ".wants"), (&install.required_by, ".requires")] {
        for target in list {
            let target = UnitName::parse(&expand(target, &unit.name, default.as_deref())?)?;
            if linked.is_template() && !target.is_template() {
                return Err(Problem::new(format!(
                    "`{linked}` is a template without default instance"
                ))
                .help(format!("name an instance: `{}`", linked.with_instance("NAME"))));
            }
            let dir = config_dir().join(format!("{target}{suffix}").as_bytes());
            link(work, &dir.join(linked.to_string().as_bytes()), &unit.path, origin)?;
            if matches!(find(work, &target)?, Found::Missing) {
                work.note(
                    origin,
                    format!("`{linked}` is linked to `{target}`, which is not in the image"),
                );
            }
        }
    }
    Ok(())
}

/// Where the link of an alias lies. An alias may name a directory, `x.target.wants/y.service`.
fn alias_path(alias: &str, unit: &UnitName) -> Result<ImagePath, Problem> {
    let bad = |why: &str| Problem::new(format!("alias `{alias}` of `{unit}` {why}"));
    if let Some((dir, file)) = alias.split_once('/') {
        let dependent = dir.strip_suffix(".wants").or_else(|| dir.strip_suffix(".requires"));
        let dependent = dependent
            .ok_or_else(|| bad("names a directory that is neither `.wants` nor `.requires`"))?;
        UnitName::parse(dependent)?;
        UnitName::parse(file)?;
        return Ok(config_dir().join(dir.as_bytes()).join(file.as_bytes()));
    }
    let name = UnitName::parse(alias)?;
    if name.kind() != unit.kind() {
        return Err(bad("is of another kind"));
    }
    let name = match unit.instance() {
        Some(instance) if name.is_template() => name.with_instance(instance),
        _ => name,
    };
    // A template may be known by an instance, an instance by the same of another template.
    let fits = match (unit.instance(), name.instance()) {
        (None, None) => true,
        (Some(own), Some(other)) => own.is_empty() || own == other,
        (None, Some(_)) | (Some(_), None) => false,
    };
    if !fits {
        return Err(bad("does not fit: one has an instance that the other has not"));
    }
    Ok(config_dir().join(name.to_string().as_bytes()))
}

pub(super) fn mask(work: &mut Working<'_>, unit: &str, origin: &Origin) -> Done {
    let name = UnitName::parse(unit)?;
    let at = work.resolve(&config_dir().join(unit.as_bytes()), false)?;
    match work.kind(&at) {
        None => {}
        Some(Kind::Symlink(target)) if target == b"/dev/null" => return Ok(()),
        Some(kind) => {
            let what = match kind {
                Kind::Symlink(target) => {
                    format!("a link to `{}`", String::from_utf8_lossy(&target))
                }
                Kind::Directory | Kind::File | Kind::Other => "a file".to_owned(),
            };
            return Err(Problem::new(format!("`{unit}` cannot be masked: `{at}` is {what}"))
                .help(format!("take it away first: `remove \"{at}\"`")));
        }
    }
    if matches!(find(work, &name)?, Found::Missing) {
        work.note(origin, format!("`{unit}` is masked, but is not in the image"));
    }
    put_link(work, &at, b"/dev/null", origin);
    Ok(())
}

/// A link to a unit file, unless one to it is there.
fn link(work: &mut Working<'_>, at: &ImagePath, unit: &ImagePath, origin: &Origin) -> Done {
    let real = work.resolve(at, false)?;
    if real == *unit {
        return Ok(());
    }
    match work.kind(&real) {
        None => {}
        Some(Kind::Symlink(_)) if work.resolve(&real, true).is_ok_and(|to| to == *unit) => {
            return Ok(());
        }
        // Links below `.wants` and `.requires` are systemctl's own; an alias is taken by another.
        Some(Kind::Symlink(_)) if real.parent().is_some_and(|dir| dir != config_dir()) => {}
        Some(Kind::Symlink(target)) => {
            let target = String::from_utf8_lossy(&target).into_owned();
            return Err(Problem::new(format!("`{real}` is a link to `{target}`, not to `{unit}`"))
                .help(format!("take it away first: `remove \"{real}\"`")));
        }
        Some(Kind::File | Kind::Directory | Kind::Other) => {
            return Err(Problem::new(format!("`{real}` is in the way of a link to `{unit}`"))
                .help(format!("take it away first: `remove \"{real}\"`")));
        }
    }
    put_link(work, &real, unit.to_string().as_bytes(), origin);
    Ok(())
}

fn put_link(work: &mut Working<'_>, at: &ImagePath, target: &[u8], origin: &Origin) {
    work.put(at, (working::symlink(target, (0, 0)), None), origin);
    debug_assert!(
        work.made.get(at).is_some_and(|made| matches!(made.entry.kind, EntryKind::Symlink { .. }))
    );
}

//! Pins and holds of a resolution, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{Located, PackageList, Pin, PinTo, wildcard};

use super::apt::Apt;
use super::error::UselessPin;
use super::resolve::near_names;
use super::{DebianError, UnknownPackage};

/// Most versions or releases that a message names.
const SHOWN: usize = 8;

/// The pins as a file of preferences.
pub(crate) fn preferences(pins: &[Pin]) -> String {
    pins.iter().map(Pin::stanza).collect::<Vec<_>>().join("\n")
}

/// Every pin is about something that the lists have: a pin which says nothing would let another
/// version in.
pub(crate) fn check_pins(apt: &Apt<'_>, pins: &[&Pin]) -> Result<(), DebianError> {
    let mut useless = Vec::new();
    for pin in pins {
        let matches = |name: &&String| wildcard(pin.package.as_bytes(), name.as_bytes());
        let names: Vec<&String> = apt.package_names().iter().filter(matches).collect();
        let known = match &pin.to {
            _ if names.is_empty() => Vec::new(),
            PinTo::Version(version) => {
                let versions = versions(apt, &names)?;
                if versions.iter().any(|one| wildcard(version.as_bytes(), one.as_bytes())) {
                    continue;
                }
                versions.into_iter().collect()
            }
            PinTo::Release(release) => {
                let releases = releases(apt)?;
                if releases.iter().any(|one| is_release(release, one)) {
                    continue;
                }
                releases
                    .iter()
                    .filter_map(|one| one.get("n").map(|name| format!("n={name}")))
                    .collect()
            }
        };
        let known: BTreeSet<String> = known.into_iter().collect();
        let known = known.into_iter().take(SHOWN).collect();
        let near = if names.is_empty() {
            near_names(&pin.package, apt.package_names())
        } else {
            Vec::new()
        };
        useless.push(UselessPin { pin: (*pin).clone(), known, near });
    }
    if useless.is_empty() { Ok(()) } else { Err(DebianError::UselessPins(useless)) }
}

/// All versions of these packages, from `apt-cache madison`: `name | version | source`.
fn versions(apt: &Apt<'_>, names: &[&String]) -> Result<BTreeSet<String>, DebianError> {
    let output = apt.command("apt-cache").arg("madison").arg("--").args(names).run()?;
    let text = output.text();
    let versions = text.lines().filter_map(|line| line.split('|').nth(1));
    Ok(versions.map(|version| version.trim().to_owned()).collect())
}

/// The releases of the lists, from `apt-cache policy`: `release v=12,o=Debian,a=stable,…`.
fn releases(apt: &Apt<'_>) -> Result<Vec<BTreeMap<String, String>>, DebianError> {
    let output = apt.command("apt-cache").arg("policy").run()?;
    Ok(output
        .text()
        .lines()
        .filter_map(|line| line.trim().strip_prefix("release "))
        .map(terms)
        .collect())
}

fn terms(line: &str) -> BTreeMap<String, String> {
    let pairs = line.split(',').filter_map(|term| term.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Every term of a pin holds; a word alone is the version or the archive's name in apt.
fn is_release(wanted: &str, release: &BTreeMap<String, String>) -> bool {
    wanted.split(',').map(str::trim).all(|term| match term.split_once('=') {
        Some((name, value)) => {
            release.get(name).is_some_and(|known| wildcard(value.as_bytes(), known.as_bytes()))
        }
        None => release.values().any(|known| known == term),
    })
}

/// Every held package is there.
pub(crate) fn check_holds(
    holds: &[&Located<String>],
    installed: &[PackageList],
    list: &PackageList,
) -> Result<(), DebianError> {
    let there: BTreeSet<String> = installed
        .iter()
        .chain([list])
        .flat_map(|list| &list.packages)
        .map(|record| record.name.clone())
        .collect();
    let missing: Vec<UnknownPackage> = holds
        .iter()
        .filter(|name| !there.contains(&name.value))
        .map(|name| UnknownPackage {
            name: (*name).clone(),
            near: near_names(&name.value, &there),
            providers: Vec::new(),
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(DebianError::NotInstalled(missing)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_met_by_all_terms() {
        let release =
            terms("v=12.5,o=Debian,a=stable-backports,n=bookworm-backports,l=x,c=main,b=amd64");
        let cases = [
            ("n=bookworm-backports", true),
            ("n=bookworm*, o=Debian", true),
            ("n=bookworm", false),
            ("n=bookworm-backports,o=Site", false),
            ("x=1", false),
            ("stable-backports", true),
        ];
        for (wanted, want) in cases {
            assert_eq!(is_release(wanted, &release), want, "{wanted}");
        }
    }
}

//! Names to an exact list.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use forge_model::{Located, PackageList, PackageRecord, Pin, Resolve};
use forge_sys::process::Output;

use super::apt::{Apt, complaints};
use super::control::{Paragraph, paragraphs};
use super::preferences::{check_holds, check_pins, preferences};
use super::sources::Sources;
use super::supply::Supply;
use super::{Context, DebianError, UnknownPackage, io_error, make_directory};

/// Format version of the lists that [`resolve`] makes.
pub const LIST_VERSION: u32 = 1;

/// Asked for in a base, beside the names of the spec.
const BASE_PATTERNS: [&str; 2] = ["?essential", "?priority(required)"];

/// Says that `/bin`, `/lib` and `/sbin` are links; without it apt takes `usrmerge`, which brings
/// Perl, to find the same out. Suites before bookworm do not have it.
const MERGED_USR: &str = "usr-is-merged";

/// Most names that are offered in place of an unknown one.
const OFFERS: usize = 3;

/// What is resolved, and from what.
#[derive(Clone, Copy, Debug)]
pub struct ResolveRequest<'a> {
    /// What is asked for.
    pub action: &'a Resolve,
    /// Where packages come from.
    pub supply: &'a Supply<'a>,
    /// The package files that are asked for, as records.
    pub files: &'a [PackageRecord],
    /// The lists before this one, in the order of the parts.
    pub installed: &'a [PackageList],
    /// Those of the action's pins that no earlier list was resolved with.
    pub new_pins: &'a [&'a Pin],
    /// Those of the action's holds that no earlier list was resolved with.
    pub new_holds: &'a [&'a Located<String>],
}

/// The packages that the action brings on top of those of the earlier lists.
///
/// Nothing but the sources, the names, the files, the pins and the lists below decides: neither
/// what the host has installed, nor its preferences.
pub fn resolve(
    context: &Context,
    request: &ResolveRequest<'_>,
) -> Result<PackageList, DebianError> {
    let ResolveRequest { action, supply, files, installed, new_pins, new_holds } = *request;
    let base = action.base;
    let mut list = PackageList { version: LIST_VERSION, packages: Vec::new() };
    let there = action.names.iter().all(|name| is_installed(&name.value, installed))
        && files.iter().all(|file| is_file_installed(file, installed));
    if base || !there || !new_pins.is_empty() {
        let apt = Apt::open(context, supply, files)?;
        check_names(&apt, &action.names)?;
        check_pins(&apt, new_pins)?;
        if base || !there {
            let chosen = choose(context, &apt, request)?;
            list = records(&apt, &chosen)?;
            restore_files(&mut list, files);
        }
        if base && list.packages.is_empty() {
            return Err(DebianError::EmptyBase { hosts: apt.sources().hosts() });
        }
    }
    check_files(action, files, installed, &list)?;
    check_holds(new_holds, installed, &list)?;
    Ok(list)
}

/// Asks apt.
fn choose(
    context: &Context,
    apt: &Apt<'_>,
    request: &ResolveRequest<'_>,
) -> Result<Vec<Chosen>, DebianError> {
    let Resolve { names, pins, holds, base, recommends, .. } = request.action;
    make_directory(&context.work)?;
    let status = status_of(request.installed, holds);
    let (status, preferences) = (written(context, &status)?, written(context, &preferences(pins))?);
    let known = apt.package_names();
    let patterns =
        BASE_PATTERNS.into_iter().chain(known.contains(MERGED_USR).then_some(MERGED_USR));
    let patterns = patterns.filter(|_| *base).map(str::to_owned);
    let wanted = names.iter().map(|name| name.value.clone());
    let exact = request.files.iter().map(|file| format!("{}={}", file.name, file.version));
    let option = |name: &str, file: &tempfile::NamedTempFile| {
        let mut option = std::ffi::OsString::from(name);
        option.push("=");
        option.push(file.path());
        option
    };
    let command = apt
        .command("apt-get")
        .args(["install", "-q", "-y", "--print-uris", "--no-remove", "--allow-downgrades", "-o"])
        .arg(option("Dir::State::status", &status))
        .arg("-o")
        .arg(option("Dir::Etc::preferences", &preferences))
        .args(["-o", &format!("APT::Install-Recommends={recommends}"), "--"])
        .args(patterns.chain(wanted).chain(exact));
    let output = command.log(&context.log).run()?;
    if !output.success() {
        let files = request.action.files.iter().map(|file| file.origin.clone());
        let origins = names.iter().map(|name| name.origin.clone()).chain(files).collect();
        return Err(DebianError::Unsatisfiable { origins, tail: explanation(&output) });
    }
    Ok(output_lines(&output).filter_map(|line| Chosen::parse(&line)).collect())
}

fn written(context: &Context, text: &str) -> Result<tempfile::NamedTempFile, DebianError> {
    tempfile::NamedTempFile::new_in(&context.work)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            Ok(file)
        })
        .map_err(|source| io_error(&context.work, source))
}

/// Records of files name the file of the project, not its place in the repository that apt saw.
fn restore_files(list: &mut PackageList, files: &[PackageRecord]) {
    for record in &mut list.packages {
        if let Some(file) = files.iter().find(|file| file.sha256 == record.sha256) {
            record.clone_from(file);
        }
    }
    list.packages.sort();
}

/// Every file that was asked for is in: a repository may have another package of the same name and
/// version.
fn check_files(
    action: &Resolve,
    files: &[PackageRecord],
    installed: &[PackageList],
    list: &PackageList,
) -> Result<(), DebianError> {
    let lists = std::slice::from_ref(list);
    for (file, asked) in files.iter().zip(&action.files) {
        if !is_file_installed(file, installed) && !is_file_installed(file, lists) {
            let why = format!(
                "another `{}` of version {} takes its place: give the file a version of its own",
                file.name, file.version
            );
            let file = Located::new(asked.value.path.clone(), asked.origin.clone());
            return Err(DebianError::PackageFile { file, why });
        }
    }
    Ok(())
}

fn is_file_installed(file: &PackageRecord, installed: &[PackageList]) -> bool {
    installed.iter().flat_map(|list| &list.packages).any(|one| one.sha256 == file.sha256)
}

fn is_installed(name: &str, installed: &[PackageList]) -> bool {
    installed.iter().flat_map(|list| &list.packages).any(|one| one.name == name)
}

/// A line of `apt-get --print-uris`: `'URI' FILE SIZE SHA256:HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen {
    uri: String,
    /// `NAME=VERSION`, as apt-cache takes it.
    selector: String,
    size: u64,
    sha256: String,
}

impl Chosen {
    fn parse(line: &str) -> Option<Self> {
        let (uri, rest) = line.strip_prefix('\'')?.split_once("' ")?;
        let mut words = rest.split(' ');
        let file = words.next()?;
        let size = words.next()?.parse().ok()?;
        let sha256 = words.next()?.strip_prefix("SHA256:")?.to_owned();
        // A file name has no colon, so apt writes the one of an epoch as %3a.
        let mut parts = file.split('_');
        let selector = format!("{}={}", parts.next()?, parts.next()?.replace("%3a", ":"));
        Some(Self { uri: uri.to_owned(), selector, size, sha256 })
    }
}

fn output_lines(output: &Output) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// What apt says about packages that do not go together: the end of its report, then its errors.
fn explanation(output: &Output) -> Vec<String> {
    let report: Vec<String> = output_lines(output)
        .skip_while(|line| !line.starts_with("The following packages have unmet"))
        .collect();
    let errors = complaints(&output.tail).into_iter().filter(|line| line.starts_with("E:"));
    report.into_iter().chain(errors).collect()
}

/// Looks every chosen package up in the lists.
fn records(apt: &Apt<'_>, chosen: &[Chosen]) -> Result<PackageList, DebianError> {
    let sources = apt.sources();
    let mut list = PackageList { version: LIST_VERSION, packages: Vec::new() };
    if chosen.is_empty() {
        return Ok(list);
    }
    let selectors = chosen.iter().map(|one| one.selector.as_str());
    let output = apt.command("apt-cache").arg("show").args(selectors).run()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut stanzas: BTreeMap<String, Paragraph<'_>> = BTreeMap::new();
    for paragraph in paragraphs(&text) {
        if let Some(sha256) = paragraph.field("SHA256") {
            stanzas.entry(sha256.into_owned()).or_insert(paragraph);
        }
    }
    for one in chosen {
        let record = stanzas.get(&one.sha256).and_then(|stanza| record(sources, one, *stanza));
        list.packages.push(record.ok_or_else(|| DebianError::Unreachable {
            what: format!(
                "the description of `{}` in the lists of {}",
                one.selector,
                sources.hosts()
            ),
            tail: output.tail.clone(),
        })?);
    }
    list.packages.sort();
    Ok(list)
}

fn record(sources: &Sources, one: &Chosen, stanza: Paragraph<'_>) -> Option<PackageRecord> {
    let field = |name| stanza.field(name).map(std::borrow::Cow::into_owned);
    Some(PackageRecord {
        name: field("Package")?,
        version: field("Version")?,
        arch: field("Architecture")?,
        size: one.size,
        sha256: one.sha256.clone(),
        mirror: sources.mirror_of(&one.uri).to_owned(),
        path: field("Filename")?,
        stanza: stanza.text().to_owned(),
    })
}

/// A dpkg status file in which all of the lists is installed; a later list replaces. Held packages
/// are held.
pub(crate) fn status_of(installed: &[PackageList], holds: &[Located<String>]) -> String {
    let packages = installed.iter().flat_map(|list| &list.packages);
    let latest: BTreeMap<(&str, &str), &PackageRecord> =
        packages.map(|one| ((one.name.as_str(), one.arch.as_str()), one)).collect();
    let mut out = String::new();
    for record in latest.into_values() {
        let held = holds.iter().any(|held| held.value == record.name);
        let wanted = if held { "hold" } else { "install" };
        out.push_str(&format!("Status: {wanted} ok installed\n"));
        out.push_str(record.stanza.trim_end());
        out.push_str("\n\n");
    }
    out
}

/// All names are packages. Asked before apt is, which takes `x-`, `x+`, `x/y` and regular
/// expressions as orders.
fn check_names(apt: &Apt<'_>, names: &[Located<String>]) -> Result<(), DebianError> {
    let known = apt.package_names();
    let mut unknown = Vec::new();
    for name in names.iter().filter(|name| !known.contains(&name.value)) {
        let near = near_names(&name.value, known);
        let providers = providers(apt, &name.value)?;
        unknown.push(UnknownPackage { name: name.clone(), near, providers });
    }
    if unknown.is_empty() { Ok(()) } else { Err(DebianError::UnknownPackages(unknown)) }
}

/// Names at most a third of their length away, the nearest first.
pub(crate) fn near_names(name: &str, known: &BTreeSet<String>) -> Vec<String> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let mut near: Vec<(usize, &String)> = known
        .iter()
        .filter(|other| other.len().abs_diff(name.len()) <= limit)
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort();
    near.into_iter().take(OFFERS).map(|(_, other)| other.clone()).collect()
}

/// The packages that provide a virtual one, from the last part of `apt-cache showpkg`.
fn providers(apt: &Apt<'_>, name: &str) -> Result<Vec<String>, DebianError> {
    let output = apt.command("apt-cache").args(["showpkg", "--"]).arg(name).run()?;
    let lines = output_lines(&output).skip_while(|line| !line.starts_with("Reverse Provides:"));
    let names = lines.skip(1).filter_map(|line| line.split(' ').next().map(str::to_owned));
    let unique: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
    Ok(unique.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_uris_are_read() {
        let line = "'http://m.example.org/p/o/openssh-server_9.2p1-2%2bdeb12u7_amd64.deb' \
                    openssh-server_1%3a9.2p1-2+deb12u7_amd64.deb 456 SHA256:ab";
        let want = Chosen {
            uri: "http://m.example.org/p/o/openssh-server_9.2p1-2%2bdeb12u7_amd64.deb".to_owned(),
            selector: "openssh-server=1:9.2p1-2+deb12u7".to_owned(),
            size: 456,
            sha256: "ab".to_owned(),
        };
        assert_eq!(Chosen::parse(line), Some(want));
        for other in ["Reading package lists...", "'x' y", "'u' f_1_all.deb 5 MD5Sum:ab", ""] {
            assert_eq!(Chosen::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_later_list_replaces_an_installed_version() {
        let record = |name: &str, version: &str| PackageRecord {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: "all".to_owned(),
            size: 1,
            sha256: String::new(),
            mirror: "host".to_owned(),
            path: String::new(),
            stanza: format!("Package: {name}\nVersion: {version}\n"),
        };
        let list = |packages| PackageList { version: LIST_VERSION, packages };
        let held = ["b", "c"]
            .map(|name| Located::new(name.to_owned(), forge_model::Origin::new("x.kdl", 1, 1)));
        let lists = [list(vec![record("a", "1"), record("b", "1")]), list(vec![record("a", "2")])];
        assert_eq!(
            status_of(&lists, &held),
            "Status: install ok installed\nPackage: a\nVersion: 2\n\n\
             Status: hold ok installed\nPackage: b\nVersion: 1\n\n"
        );
    }

    #[test]
    fn near_names_are_near() {
        let known: BTreeSet<String> =
            ["chrony", "chronyd", "cron", "munge", "slurm-client", "slurm-clients"]
                .map(str::to_owned)
                .into();
        let cases: [(&str, &[&str]); 4] = [
            ("chronny", &["chrony", "chronyd"]),
            ("slurm-cleint", &["slurm-client", "slurm-clients"]),
            ("xyz", &[]),
            ("mungee", &["munge"]),
        ];
        for (name, want) in cases {
            assert_eq!(near_names(name, &known), want, "{name}");
        }
    }
}

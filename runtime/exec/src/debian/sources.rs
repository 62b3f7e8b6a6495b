//! Where packages come from: the mirrors of the spec, or the host's own apt configuration.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use forge_model::{Digest, PackageSources, Repository};

use super::control::{Paragraph, paragraphs};
use super::vendor::PROJECT;
use super::{DebianError, io_error};

/// The keyring that Debian's archives are checked against, from `debian-archive-keyring`.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The name that a list of packages has for the host's own apt configuration.
pub const HOST_MIRROR: &str = "host";

/// Options of a source that are kept; what else an entry of the host says is not needed to fetch.
const KEPT_OPTIONS: [&str; 6] =
    ["Signed-By", "Trusted", "Check-Valid-Until", "Check-Date", "InRelease-Path", "By-Hash"];

/// One source: addresses, suites and components that are combined with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Name of the mirror in the spec, or [`HOST_MIRROR`].
    mirror: String,
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// Fields as deb822 spells them.
    options: Vec<(String, String)>,
}

/// All sources of a resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    entries: Vec<Entry>,
}

impl Sources {
    /// The sources that `wanted` stands for; `etc` is the host's `/etc/apt`.
    ///
    /// Of the host's entries those count which name the suite (with updates: `SUITE-updates` and
    /// `SUITE-security` too), one of the components, and no other keyring than Debian's: a
    /// third-party repository of the host is none of the image's business.
    pub fn new(wanted: &PackageSources, arch: &str, etc: &Path) -> Result<Self, DebianError> {
        let entries = match &wanted.mirror {
            Some(_) => named_entries(wanted),
            None => host_entries(wanted, arch, etc)?,
        };
        let suite = wanted.suite.clone();
        let of_suite: Vec<_> =
            entries.iter().filter(|entry| entry.suites.contains(&suite)).collect();
        if of_suite.is_empty() {
            return Err(DebianError::NoSources { suite });
        }
        let absent =
            |named: &&String| !of_suite.iter().any(|entry| entry.components.contains(named));
        match wanted.components.iter().find(absent) {
            Some(component) => {
                Err(DebianError::NoComponent { suite, component: component.clone() })
            }
            None => Ok(Self { entries }),
        }
    }

    /// A repository of the spec; `key` is the file of the key that it is signed with.
    pub(crate) fn of_repository(repository: &Repository, key: Option<&Path>) -> Self {
        let option = match key {
            Some(path) => ("Signed-By".to_owned(), path.display().to_string()),
            None => ("Trusted".to_owned(), "yes".to_owned()),
        };
        let entry = Entry {
            mirror: repository.name.clone(),
            uris: vec![repository.url.clone()],
            suites: repository.suites.clone(),
            components: repository.components.clone(),
            options: vec![option],
        };
        Self { entries: vec![entry] }
    }

    /// A flat repository in a directory, of files of the project.
    pub(crate) fn of_files(directory: &Path) -> Self {
        let entry = Entry {
            mirror: PROJECT.to_owned(),
            uris: vec![format!("copy:{}", directory.display())],
            suites: vec!["./".to_owned()],
            components: Vec::new(),
            options: vec![("Trusted".to_owned(), "yes".to_owned())],
        };
        Self { entries: vec![entry] }
    }

    /// All of several sources, in their order.
    pub(crate) fn together<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        Self { entries: all.into_iter().flat_map(|one| one.entries.iter().cloned()).collect() }
    }

    /// The sources as a `.sources` file (sources.list(5)).
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for entry in &self.entries {
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "Types: deb\nURIs: {}\nSuites: {}\n",
                entry.uris.join(" "),
                entry.suites.join(" "),
            );
            // A flat repository has none.
            if !entry.components.is_empty() {
                let _ = writeln!(out, "Components: {}", entry.components.join(" "));
            }
            for (name, value) in &entry.options {
                let _ = writeln!(out, "{name}: {}", value.replace('\n', "\n "));
            }
            out.push('\n');
        }
        out
    }

    /// Names the directory that lists and caches of these sources are kept in.
    pub(crate) fn digest(&self, arch: &str) -> Digest {
        Digest::of(format!("{arch}\n{}", self.text()).as_bytes())
    }

    /// The mirror that an address lies below.
    pub(crate) fn mirror_of(&self, uri: &str) -> &str {
        let bases = self.entries.iter().flat_map(|entry| {
            entry.uris.iter().map(|base| (base.trim_end_matches('/'), entry.mirror.as_str()))
        });
        // One repository may lie below another: the nearest base is the right one.
        let owners = bases.filter(|(base, _)| below(base, uri).is_some());
        owners.max_by_key(|(base, _)| base.len()).map_or(HOST_MIRROR, |(_, mirror)| mirror)
    }

    /// Addresses that a path of a mirror may be found at, the likeliest first.
    ///
    /// A mirror's name can stand for several archives. Debian's security archive has its files
    /// below `pool/updates`, the main one does not.
    pub(crate) fn addresses(&self, mirror: &str, path: &str) -> Vec<String> {
        let security_path = path.starts_with("pool/updates/");
        let mut entries: Vec<&Entry> =
            self.entries.iter().filter(|entry| entry.mirror == mirror).collect();
        entries.sort_by_key(|entry| {
            entry.suites.iter().any(|suite| suite.ends_with("-security")) != security_path
        });
        let mut out: Vec<String> = Vec::new();
        for base in entries.into_iter().flat_map(|entry| &entry.uris) {
            let address = format!("{}/{}", base.trim_end_matches('/'), escape_path(path));
            if !out.contains(&address) {
                out.push(address);
            }
        }
        out
    }

    /// The addresses themselves, for messages.
    pub(crate) fn hosts(&self) -> String {
        let mut uris: Vec<&str> =
            self.entries.iter().flat_map(|entry| &entry.uris).map(String::as_str).collect();
        uris.sort_unstable();
        uris.dedup();
        uris.join(", ")
    }
}

/// The rest of `uri` below `base`.
fn below<'a>(base: &str, uri: &'a str) -> Option<&'a str> {
    uri.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/')
}

/// A path of an archive as a URI has it: apt escapes `~` and `+` alike in `--print-uris`.
fn escape_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}

fn updates_suite(suite: &str) -> String {
    format!("{suite}-updates")
}

fn security_suite(suite: &str) -> String {
    format!("{suite}-security")
}

fn named_entries(wanted: &PackageSources) -> Vec<Entry> {
    let PackageSources { suite, components, updates, mirror, security } = wanted;
    let mut out = Vec::new();
    let mut add = |mirror: &forge_model::Mirror, suites: Vec<String>| {
        out.push(Entry {
            mirror: mirror.name.clone(),
            uris: vec![mirror.url.trim_end_matches('/').to_owned()],
            suites,
            components: components.clone(),
            options: vec![("Signed-By".to_owned(), KEYRING.to_owned())],
        });
    };
    if let Some(mirror) = mirror {
        let mut suites = vec![suite.clone()];
        suites.extend(updates.then(|| updates_suite(suite)));
        add(mirror, suites);
    }
    if let Some(security) = security.as_ref().filter(|_| *updates) {
        add(security, vec![security_suite(suite)]);
    }
    out
}

/// The `sources.list` that the image itself gets: the spec's mirrors, never those of the builder.
pub(crate) fn image_sources_list(wanted: &PackageSources) -> String {
    let entries = named_entries(wanted);
    if entries.is_empty() {
        return "# The image's specification names no mirror.\n".to_owned();
    }
    let mut out = String::new();
    for entry in entries {
        for suite in &entry.suites {
            let _ = writeln!(
                out,
                "deb [signed-by={KEYRING}] {} {suite} {}",
                entry.uris.join(" "),
                entry.components.join(" "),
            );
        }
    }
    out
}

fn host_entries(
    wanted: &PackageSources,
    arch: &str,
    etc: &Path,
) -> Result<Vec<Entry>, DebianError> {
    let mut out = Vec::new();
    for file in source_files(etc)? {
        let text = std::fs::read_to_string(&file).map_err(|source| io_error(&file, source))?;
        let found: Vec<Entry> = if file.extension().is_some_and(|ending| ending == "sources") {
            paragraphs(&text).filter_map(deb822_entry).collect()
        } else {
            text.lines().filter_map(one_line_entry).collect()
        };
        out.extend(found.into_iter().filter_map(|entry| narrow(entry, wanted, arch)));
    }
    Ok(out)
}

/// apt's own files, in apt's order.
fn source_files(etc: &Path) -> Result<Vec<PathBuf>, DebianError> {
    let mut parts = Vec::new();
    let directory = etc.join("sources.list.d");
    match std::fs::read_dir(&directory) {
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(|source| io_error(&directory, source))?.path();
                if path.extension().is_some_and(|ending| ending == "list" || ending == "sources") {
                    parts.push(path);
                }
            }
        }
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(io_error(&directory, source)),
    }
    parts.sort();
    let main = etc.join("sources.list");
    Ok(Some(main).filter(|path| path.is_file()).into_iter().chain(parts).collect())
}

fn deb822_entry(paragraph: Paragraph<'_>) -> Option<Entry> {
    let enabled = paragraph.field("Enabled").unwrap_or_default().to_ascii_lowercase();
    if ["no", "false", "0", "off", "without", "disable"].contains(&enabled.as_str()) {
        return None;
    }
    if !paragraph.words("Types").iter().any(|kind| kind == "deb") {
        return None;
    }
    let named = KEPT_OPTIONS.into_iter().chain(["Architectures"]);
    let options = named.filter_map(|name| {
        let value = paragraph.field(name)?.into_owned();
        Some((name.to_owned(), value))
    });
    Some(Entry {
        mirror: HOST_MIRROR.to_owned(),
        uris: paragraph.words("URIs"),
        suites: paragraph.words("Suites"),
        components: paragraph.words("Components"),
        options: options.collect(),
    })
}

/// `deb [option=value …] URI SUITE COMPONENT…`.
fn one_line_entry(line: &str) -> Option<Entry> {
    let line = line.split('#').next().unwrap_or_default();
    let rest = line.trim().strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t', '[']) {
        return None;
    }
    let rest = rest.trim_start();
    let (bracket, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let uri = words.next()?;
    let suite = words.next()?;
    let options = bracket.split_whitespace().filter_map(|option| {
        let (name, value) = option.split_once('=')?;
        let name = if name.eq_ignore_ascii_case("arch") { "Architectures" } else { name };
        let known = KEPT_OPTIONS.into_iter().chain(["Architectures"]);
        let name = known.into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
        Some((name.to_owned(), value.replace(',', " ")))
    });
    Some(Entry {
        mirror: HOST_MIRROR.to_owned(),
        uris: vec![uri],
        suites: vec![suite],
        components: words.collect(),
        options: options.collect(),
    })
}

/// What of an entry of the host counts, if anything.
fn narrow(mut entry: Entry, wanted: &PackageSources, arch: &str) -> Option<Entry> {
    let PackageSources { suite, components, updates, mirror: _, security: _ } = wanted;
    let mut suites = vec![suite.clone()];
    if *updates {
        suites.extend([updates_suite(suite), security_suite(suite)]);
    }
    entry.suites.retain(|named| suites.contains(named));
    entry.components.retain(|named| components.contains(named));
    let serves = |value: &str| value.split_whitespace().any(|named| named == arch);
    let other_arch =
        entry.options.iter().any(|(name, value)| name == "Architectures" && !serves(value));
    let other_key =
        entry.options.iter().any(|(name, value)| name == "Signed-By" && !is_debian_key(value));
    entry.options.retain(|(name, _)| name != "Architectures");
    let empty = entry.suites.is_empty() || entry.components.is_empty() || entry.uris.is_empty();
    (!empty && !other_arch && !other_key).then_some(entry)
}

/// True for keyring files of the package `debian-archive-keyring`.
fn is_debian_key(value: &str) -> bool {
    value.split_whitespace().all(|path| {
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("debian-archive-")
    })
}

#[cfg(test)]
mod tests {
    use forge_model::Mirror;

    use super::*;

    fn wanted(updates: bool, mirror: Option<&str>) -> PackageSources {
        PackageSources {
            suite: "bookworm".to_owned(),
            components: vec!["main".to_owned(), "contrib".to_owned()],
            updates,
            mirror: mirror.map(|url| Mirror { name: "near".to_owned(), url: url.to_owned() }),
            security: None,
        }
    }

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let etc = tempfile::tempdir().unwrap();
        std::fs::create_dir(etc.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            std::fs::write(etc.path().join(name), text).unwrap();
        }
        etc
    }

    #[test]
    fn a_host_entry_counts_by_suite_component_key_and_architecture() {
        let debian = "URIs: http://a.example.org/debian";
        let key = "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg";
        let cases: &[(&str, String, bool)] = &[
            ("plain", format!("Types: deb\n{debian}\nSuites: bookworm\nComponents: main\n"), true),
            (
                "key",
                format!("Types: deb\n{debian}\nSuites: bookworm\nComponents: main\n{key}\n"),
                true,
            ),
            (
                "other key",
                format!(
                    "Types: deb\n{debian}\nSuites: bookworm\nComponents: main\nSigned-By: /x.gpg\n"
                ),
                false,
            ),
            (
                "source",
                format!("Types: deb-src\n{debian}\nSuites: bookworm\nComponents: main\n"),
                false,
            ),
            ("suite", format!("Types: deb\n{debian}\nSuites: trixie\nComponents: main\n"), false),
            (
                "component",
                format!("Types: deb\n{debian}\nSuites: bookworm\nComponents: x\n"),
                false,
            ),
            (
                "disabled",
                format!("Enabled: no\nTypes: deb\n{debian}\nSuites: bookworm\nComponents: main\n"),
                false,
            ),
            (
                "architecture",
                format!(
                    "Types: deb\n{debian}\nSuites: bookworm\nComponents: main\nArchitectures: arm64\n"
                ),
                false,
            ),
        ];
        let mut wanted = wanted(true, None);
        wanted.components.truncate(1);
        for (name, text, counts) in cases {
            let etc = host(&[("sources.list.d/x.sources", text)]);
            let sources = Sources::new(&wanted, "amd64", etc.path());
            assert_eq!(sources.is_ok(), *counts, "{name}: {sources:?}");
        }
    }

    #[test]
    fn a_component_that_the_host_lacks_is_named() {
        let etc = host(&[(
            "sources.list",
            "deb http://a.example.org/debian bookworm main non-free\n\
             deb http://a.example.org/debian bookworm-updates contrib\n",
        )]);
        let error = Sources::new(&wanted(true, None), "amd64", etc.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no source of the component `contrib` of `bookworm`: the spec names no `mirror`, and the \
             host's own apt configuration has Debian's `bookworm` without it"
        );
    }

    #[test]
    fn one_line_entries_are_narrowed() {
        let etc = host(&[
            (
                "sources.list",
                "# a comment\n\
                 deb http://a.example.org/debian/ bookworm main contrib non-free # here\n\
                 deb [arch=amd64,i386 trusted=yes] http://s.example.org/debian-security bookworm-security main\n\
                 deb-src http://a.example.org/debian bookworm main\n\
                 deb [signed-by=/other.gpg] http://x.example.org/x bookworm main\n\
                 deb http://broken\n",
            ),
            ("sources.list.d/ignored.txt", "deb http://y.example.org/y bookworm main\n"),
        ]);
        let sources = Sources::new(&wanted(true, None), "amd64", etc.path()).unwrap();
        assert_eq!(
            sources.text(),
            "Types: deb\nURIs: http://a.example.org/debian/\nSuites: bookworm\n\
             Components: main contrib\n\n\
             Types: deb\nURIs: http://s.example.org/debian-security\nSuites: bookworm-security\n\
             Components: main\nTrusted: yes\n\n"
        );
        let without = Sources::new(&wanted(false, None), "amd64", etc.path()).unwrap();
        assert!(!without.text().contains("security"), "{}", without.text());
        assert_eq!(
            sources.addresses(HOST_MIRROR, "pool/updates/main/x/x_1+2~3_all.deb"),
            [
                "http://s.example.org/debian-security/pool/updates/main/x/x_1%2b2~3_all.deb",
                "http://a.example.org/debian/pool/updates/main/x/x_1%2b2~3_all.deb",
            ]
        );
        assert_eq!(
            sources.addresses(HOST_MIRROR, "pool/main/x/x.deb")[0],
            "http://a.example.org/debian/pool/main/x/x.deb"
        );
    }

    #[test]
    fn a_named_mirror_stands_in_the_image_and_the_host_does_not() {
        let mut named = wanted(true, Some("http://m.example.org/debian/"));
        named.security = Some(Mirror {
            name: "sec".to_owned(),
            url: "http://m.example.org/security".to_owned(),
        });
        let etc = host(&[]);
        let sources = Sources::new(&named, "amd64", etc.path()).unwrap();
        assert_eq!(sources.mirror_of("http://m.example.org/security/pool/x"), "sec");
        assert_eq!(sources.mirror_of("http://m.example.org/debian/pool/x"), "near");
        assert_eq!(
            image_sources_list(&named),
            format!(
                "deb [signed-by={KEYRING}] http://m.example.org/debian bookworm main contrib\n\
                 deb [signed-by={KEYRING}] http://m.example.org/debian bookworm-updates main contrib\n\
                 deb [signed-by={KEYRING}] http://m.example.org/security bookworm-security main contrib\n"
            )
        );
        assert!(image_sources_list(&wanted(true, None)).starts_with("# "));
        let inner = Repository {
            name: "inner".to_owned(),
            url: "http://m.example.org/debian/site".to_owned(),
            suites: vec!["./".to_owned()],
            components: Vec::new(),
            key: None,
            login: None,
            origin: forge_model::Origin::new("x.kdl", 1, 1),
        };
        let inner = Sources::of_repository(&inner, None);
        let both = Sources::together([&sources, &inner]);
        assert_eq!(both.mirror_of("http://m.example.org/debian/site/./x.deb"), "inner");
        assert_eq!(both.mirror_of("http://m.example.org/debian/sitex/x.deb"), "near");
        assert_eq!(
            inner.text(),
            "Types: deb\nURIs: http://m.example.org/debian/site\nSuites: ./\nTrusted: yes\n\n"
        );
        let none = Sources::new(&wanted(true, None), "amd64", etc.path());
        assert!(matches!(none, Err(DebianError::NoSources { .. })), "{none:?}");
    }
}

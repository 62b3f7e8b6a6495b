//! What system a target is: the answers of `os` and `platform`.

use forge_model::{Answer, Files};

use crate::value::Value;
use crate::yaml;

/// A system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// `debian`, `ubuntu`, `redhat`, …
    pub name: String,
    /// `12.5`, `9.3`; empty where the spec of an image does not say it.
    pub release: String,
    /// `debian`, `redhat`, …
    pub family: String,
    /// `x86_64`.
    pub arch: String,
}

impl Platform {
    /// What the files of an image say.
    pub fn detect(files: &dyn Files) -> Answer<Self> {
        let read = |path: &str| -> Answer<Option<String>> {
            let bytes = files.read(path)?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        let release_file = match read("/etc/os-release")? {
            Some(text) => text,
            None => read("/usr/lib/os-release")?.unwrap_or_default(),
        };
        let os = |name: &str| setting(&release_file, name).unwrap_or_default();
        let arch = arch(files)?;
        let made = |name: &str, release: String, family: &str| Self {
            name: name.to_owned(),
            release,
            family: family.to_owned(),
            arch: arch.to_owned(),
        };
        if let Some(version) = read("/etc/debian_version")? {
            let lsb = read("/etc/lsb-release")?.unwrap_or_default();
            let id = setting(&lsb, "DISTRIB_ID").unwrap_or_default().to_lowercase();
            let lsb_release = setting(&lsb, "DISTRIB_RELEASE").unwrap_or_default();
            for (word, name) in [("ubuntu", "ubuntu"), ("linuxmint", "linuxmint")] {
                if id.contains(word) {
                    return Ok(made(name, lsb_release, "debian"));
                }
            }
            return Ok(match os("ID").as_str() {
                "kali" => made("kali", os("VERSION"), "debian"),
                "ubuntu" if lsb.is_empty() => made("ubuntu", os("VERSION_ID"), "debian"),
                _ => made("debian", version.trim_end_matches('\n').to_owned(), "debian"),
            });
        }
        if os("NAME").to_lowercase().contains("fedora") {
            return Ok(made("fedora", os("VERSION_ID"), "fedora"));
        }
        if let Some(text) = read("/etc/oracle-release")? {
            return Ok(made("oracle", version_in(&text), "redhat"));
        }
        for path in ["/etc/redhat-release", "/etc/system-release"] {
            let Some(text) = read(path)? else { continue };
            let lower = text.to_lowercase();
            let known = ["centos", "scientific", "amazon", "cloudlinux"];
            let name = known.into_iter().find(|name| lower.contains(name)).unwrap_or("redhat");
            return Ok(made(name, version_in(&text), "redhat"));
        }
        if os("ID_LIKE").to_lowercase().contains("suse") {
            let name = if os("ID").starts_with("opensuse") { "opensuse" } else { "suse" };
            return Ok(made(name, os("VERSION_ID"), "suse"));
        }
        if let Some(text) = read("/etc/alpine-release")? {
            return Ok(made("alpine", text.trim().to_owned(), "linux"));
        }
        if files.stat("/etc/arch-release", true)?.is_some() {
            return Ok(made("arch", String::new(), "linux"));
        }
        Ok(made("linux", os("VERSION_ID"), "linux"))
    }

    /// The same, with what a file says in its place: `name`, `release`, `family`, `arch`.
    pub fn with_file(mut self, text: &str) -> Result<Self, String> {
        let Value::Hash(map) = yaml::parse(text)? else {
            return Err("a file of a platform has `name`, `release` and `family`".to_owned());
        };
        for (key, value) in map.borrow().iter() {
            let value = value.text().to_string();
            match &*key.text() {
                "name" => self.name = value,
                "release" => self.release = value,
                "family" => self.family = value,
                "arch" => self.arch = value,
                other => {
                    return Err(format!(
                        "`{other}` is nothing that a platform has: `name`, `release`, `family`, `arch`"
                    ));
                }
            }
        }
        Ok(self)
    }

    /// The family and all that are above it.
    pub(crate) fn families(&self) -> Vec<String> {
        let mut families = Vec::new();
        if self.family != "linux" && !self.family.is_empty() {
            families.push(self.family.clone());
        }
        families.extend(["linux", "unix", "os"].map(str::to_owned));
        families
    }

    /// True for its own name and every family.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name || self.families().iter().any(|family| family == name)
    }

    /// Whether one of the entries of `supports` fits; without any, every platform does.
    pub(crate) fn is_supported(&self, supports: &[Value]) -> bool {
        supports.is_empty() || supports.iter().any(|entry| self.fits(entry))
    }

    fn fits(&self, entry: &Value) -> bool {
        let Value::Hash(map) = entry else { return true };
        map.borrow().iter().all(|(key, value)| {
            let value = value.text();
            match &*key.text().replace('_', "-") {
                "os-family" | "platform-family" => self.families().iter().any(|f| **f == *value),
                "os" | "platform" => self.is(&value),
                "os-name" | "platform-name" => glob(&value, &self.name),
                "release" => glob(&value, &self.release),
                _ => true,
            }
        })
    }
}

/// As `InSpec` reads a `*`: anything, and the rest anywhere.
fn glob(pattern: &str, text: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == text;
    }
    let mut rest = text;
    pattern.split('*').filter(|part| !part.is_empty()).all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

fn setting(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned())
}

/// The first number with points of a text.
fn version_in(text: &str) -> String {
    let from = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    text[from..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect()
}

/// The processor that the image's shell is made for, by its ELF header.
fn arch(files: &dyn Files) -> Answer<&'static str> {
    for path in ["/bin/sh", "/usr/bin/sh", "/bin/bash"] {
        if let Some(bytes) = files.read(path)? {
            return Ok(match (bytes.get(..4), bytes.get(18)) {
                (Some(b"\x7fELF"), Some(0xb7)) => "aarch64",
                (Some(b"\x7fELF"), Some(0x3e)) => "x86_64",
                _ => "",
            });
        }
    }
    Ok("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supports_is_any_of_its_entries() {
        let ubuntu = Platform {
            name: "ubuntu".to_owned(),
            release: "18.04".to_owned(),
            family: "debian".to_owned(),
            arch: String::new(),
        };
        for (text, want) in [
            ("[]", true),
            ("[{os-family: linux}]", true),
            ("[{platform-family: debian}]", true),
            ("[{platform: unix}]", true),
            ("[{platform-name: ubuntu, release: 18.*}]", true),
            ("[{platform-name: ubuntu, release: '20.04'}]", false),
            ("[{platform-name: debian}, {platform-name: ubuntu}]", true),
            ("[{os-family: redhat}]", false),
        ] {
            let supports = yaml::parse(text).unwrap().into_items();
            assert_eq!(ubuntu.is_supported(&supports), want, "{text}");
        }
    }
}

use std::collections::BTreeMap;

use forge_model::{Answer, Files, ModuleState, Stated, module_name, names_module};

/// Where modprobe looks, the strongest first (`modprobe.d(5)`); `/run` is empty in an image.
const DIRECTORIES: [&str; 4] =
    ["/etc/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];

/// What an image says of kernel modules, and which it has. Names are with `_`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Modules {
    /// Of `install PATTERN COMMAND`: the pattern, whether the command does nothing, and the place. Of
    /// several that fit, modprobe takes the first.
    installs: Vec<(String, bool, String)>,
    blacklisted: BTreeMap<String, String>,
    /// Of every kernel of the image, modules and what is built in.
    present: BTreeMap<String, String>,
}

impl Modules {
    pub(super) fn read(files: &dyn Files) -> Answer<Self> {
        let mut modules = Self::default();
        for path in super::conf_files(files, &DIRECTORIES)? {
            if let Some(text) = super::text(files, &path)? {
                modules.add_file(&path, &text);
            }
        }
        for version in files.list("/lib/modules")?.unwrap_or_default() {
            for table in ["modules.dep", "modules.builtin"] {
                let path = format!("/lib/modules/{version}/{table}");
                let text = super::text(files, &path)?.unwrap_or_default();
                for (index, line) in text.lines().enumerate() {
                    let file = line.split(':').next().unwrap_or(line).trim();
                    let place = || format!("{path}:{}", index + 1);
                    modules.present.entry(module_name(file)).or_insert_with(place);
                }
            }
        }
        Ok(modules)
    }

    fn add_file(&mut self, path: &str, text: &str) {
        let mut continued = String::new();
        let mut first = 1;
        // As in kmod, a carriage return is part of a word.
        for (index, line) in text.split('\n').enumerate() {
            if continued.is_empty() {
                first = index + 1;
            }
            if let Some(begun) = line.strip_suffix('\\') {
                continued.push_str(begun);
                continue;
            }
            let whole = std::mem::take(&mut continued) + line;
            let mut words = whole.split([' ', '\t']).filter(|word| !word.is_empty());
            let place = || format!("{path}:{first}");
            match (words.next(), words.next()) {
                (Some("blacklist"), Some(name)) => {
                    self.blacklisted.entry(name.replace('-', "_")).or_insert_with(place);
                }
                (Some("install"), Some(pattern)) => {
                    let program = words.next().and_then(|program| program.rsplit('/').next());
                    // A shell runs the line: what stands behind the program may load the module.
                    let more = words.any(|word| word.contains([';', '&', '|', '`', '$', '<', '>']));
                    let nothing = matches!(program, Some("true" | "false")) && !more;
                    self.installs.push((pattern.to_owned(), nothing, place()));
                }
                _ => {}
            }
        }
    }

    /// What is said of one module. Not found is said of what nothing says.
    pub(super) fn get(&self, name: &str) -> ModuleState {
        let name = module_name(name);
        let stated = |evidence: Option<&String>| {
            Some(Stated { holds: evidence.is_some(), evidence: evidence.cloned() })
        };
        let install = self.installs.iter().find(|(pattern, _, _)| names_module(pattern, &name));
        ModuleState {
            exists: stated(self.present.get(&name)),
            blacklisted: stated(self.blacklisted.get(&name)),
            disabled: stated(install.filter(|(_, nothing, _)| *nothing).map(|(_, _, at)| at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryImage;

    #[test]
    fn modprobe_reads_its_directories_as_one() {
        let mut image = MemoryImage::default();
        image.file(
            "/etc/modprobe.d/site.conf",
            "# no cramfs\ninstall cramfs /bin/false\nblacklist pcspkr\ninstall snd-* \\\n  /bin/true\n\
             install loud /sbin/modprobe --ignore-install loud\ninstall loud /bin/true\n\
             alias quiet cramfs\nsoftdep quiet pre: cramfs post: pcspkr\nremove quiet /bin/true\n\
             options quiet install=/bin/false blacklist=1\nweakdep quiet cramfs\n",
        );
        image.file("/lib/modprobe.d/aliases.conf", "blacklist floppy\n");
        image.file("/lib/modprobe.d/site.conf", "blacklist hidden\n");
        image.file("/etc/modprobe.d/readme.txt", "blacklist text\n");
        image.file(
            "/lib/modules/6.1/modules.dep",
            "kernel/sound/snd-pcm.ko.xz: kernel/sound/snd.ko.xz\nkernel/sound/snd.ko.xz:\n",
        );
        image.file("/lib/modules/6.1/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
        let modules = Modules::read(&image).unwrap();
        let site = |line: u32| Some(format!("/etc/modprobe.d/site.conf:{line}"));
        let table = |name: &str| Some(format!("/lib/modules/6.1/modules.{name}:1"));
        let dpkg = Some("/lib/modprobe.d/aliases.conf:1".to_owned());
        for (name, exists, disabled, blacklisted) in [
            ("cramfs", None, site(2), None),
            ("pcspkr", None, None, site(3)),
            ("snd_pcm", table("dep"), site(4), None),
            ("snd-pcm", table("dep"), site(4), None),
            ("ext4", table("builtin"), None, None),
            ("loud", None, None, None),
            ("quiet", None, None, None),
            ("floppy", None, None, dpkg),
            ("hidden", None, None, None),
            ("text", None, None, None),
        ] {
            let got = modules.get(name);
            let stated =
                |evidence: Option<String>| Some(Stated { holds: evidence.is_some(), evidence });
            let want = ModuleState {
                exists: stated(exists),
                disabled: stated(disabled),
                blacklisted: stated(blacklisted),
            };
            assert_eq!(got, want, "{name}");
        }
    }
}

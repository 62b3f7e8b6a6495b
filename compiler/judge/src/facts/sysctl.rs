use forge_model::{Answer, Files, KernelSetting};

/// Where systemd-sysctl looks, the strongest first (`sysctl.d(5)`); `/run` is empty in an image.
const DIRECTORIES: [&str; 4] =
    ["/etc/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

/// Assignments in the order in which systemd-sysctl makes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    assignments: Vec<Assignment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Assignment {
    /// A path below `/proc/sys`, perhaps a glob.
    key: String,
    /// None for `-key` alone, which only keeps globs off the key.
    value: Option<String>,
    evidence: String,
}

impl Parameters {
    /// Those of an image.
    pub(super) fn read(files: &dyn Files) -> Answer<Self> {
        let mut parameters = Self::default();
        for path in super::conf_files(files, &DIRECTORIES)? {
            if let Some(text) = super::text(files, &path)? {
                parameters.add_file(&path, &text);
            }
        }
        Ok(parameters)
    }

    fn add_file(&mut self, path: &str, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let (key, value) = match line.split_once('=') {
                Some((key, value)) => {
                    (key.strip_prefix('-').unwrap_or(key), Some(value.trim().to_owned()))
                }
                None => match line.strip_prefix('-') {
                    Some(key) => (key, None),
                    None => continue,
                },
            };
            let evidence = format!("{path}:{}", index + 1);
            self.add(Assignment { key: normalise(key.trim()), value, evidence });
        }
    }

    /// A later assignment takes the place of an earlier one of the same key; one of the same
    /// value leaves it where it stands.
    fn add(&mut self, new: Assignment) {
        if let Some(at) = self.assignments.iter().position(|old| old.key == new.key) {
            if self.assignments[at].value == new.value {
                return;
            }
            self.assignments.remove(at);
        }
        self.assignments.push(new);
    }

    /// What is set for one parameter. A key in full is stronger than any glob, wherever it
    /// stands; of globs, the last counts.
    pub(super) fn get(&self, name: &str) -> Option<KernelSetting> {
        let name = normalise(name);
        let exact = self.assignments.iter().find(|assignment| assignment.key == name);
        let found = exact.or_else(|| {
            let globs = self.assignments.iter().rev().filter(|found| is_glob(&found.key));
            globs.into_iter().find(|found| found.value.is_some() && glob_path(&found.key, &name))
        })?;
        Some(KernelSetting { value: found.value.clone()?, evidence: found.evidence.clone() })
    }
}

/// Names as paths: the first separator tells which of `.` and `/` stands between components; the
/// other is then part of a name, which a path spells with a dot.
fn normalise(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name.as_bytes()[at] == b'.' => name
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

fn is_glob(key: &str) -> bool {
    key.contains(['*', '?', '['])
}

/// As `glob(7)`: no wildcard matches a slash.
fn glob_path(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| glob(pattern.as_bytes(), part.as_bytes()))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((b'[', rest)) => match (class(rest), text.split_first()) {
            (Some((accepts, after)), Some((first, others))) => {
                accepts(*first) && glob(after, others)
            }
            _ => false,
        },
        Some((wanted, rest)) => text.split_first().is_some_and(|(first, others)| {
            (*wanted == b'?' || wanted == first) && glob(rest, others)
        }),
    }
}

/// A bracket expression after its `[`, and what follows it.
fn class(pattern: &[u8]) -> Option<(impl Fn(u8) -> bool + '_, &[u8])> {
    let (negated, body) = match pattern.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, pattern),
    };
    let end = body.iter().skip(1).position(|byte| *byte == b']')? + 1;
    let (set, after) = (&body[..end], &body[end + 1..]);
    let accepts = move |byte: u8| {
        let ranges = set.windows(3).any(|w| w[1] == b'-' && (w[0]..=w[2]).contains(&byte));
        (ranges || set.contains(&byte)) != negated
    };
    Some((accepts, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryImage;

    #[test]
    fn systemd_order() {
        let mut image = MemoryImage::default();
        image
            .file("/usr/lib/sysctl.d/50-a.conf", "a.b = 1\nnet/ipv4/conf/*/rp_filter = 2\n# x=1\n");
        image.file("/etc/sysctl.d/60-b.conf", "-a.b=2\nbad line\n-net.ipv4.conf.eth1.rp_filter\n");
        image.file("/usr/lib/sysctl.d/60-b.conf", "a.b = 9\nonly.masked = 1\n");
        image.file("/usr/lib/sysctl.d/99-c.conf", "net.ipv4.conf.eth[2-3].rp_filter = 1");
        image.file("/usr/lib/sysctl.d/10-d.conf", "net.ipv4.conf.eth0.rp_filter = 0\n;a.b=4");
        image.file("/etc/sysctl.d/README", "a.b = 7");
        image.file("/usr/lib/sysctl.d/98-m.conf", "masked.key = 1");
        image.link("/etc/sysctl.d/98-m.conf", "/dev/null");
        let parameters = Parameters::read(&image).unwrap();
        let cases: &[(&str, Option<(&str, &str)>)] = &[
            ("a.b", Some(("2", "/etc/sysctl.d/60-b.conf:1"))),
            ("a/b", Some(("2", "/etc/sysctl.d/60-b.conf:1"))),
            ("net.ipv4.conf.eth0.rp_filter", Some(("0", "/usr/lib/sysctl.d/10-d.conf:1"))),
            ("net.ipv4.conf.eth1.rp_filter", None),
            ("net.ipv4.conf.eth2.rp_filter", Some(("1", "/usr/lib/sysctl.d/99-c.conf:1"))),
            ("net.ipv4.conf.lo.rp_filter", Some(("2", "/usr/lib/sysctl.d/50-a.conf:2"))),
            ("net.ipv4.conf.eth0/1.rp_filter", Some(("2", "/usr/lib/sysctl.d/50-a.conf:2"))),
            ("only.masked", None),
            ("masked.key", None),
        ];
        for (name, want) in cases {
            let got = parameters.get(name);
            let got = got.as_ref().map(|set| (set.value.as_str(), set.evidence.as_str()));
            assert_eq!(got, *want, "{name}");
        }
    }
}

//! `sshd_config` as sshd reads it: its manual page, and `servconf.c` of OpenSSH where that says more.

use forge_model::{Answer, Files, NoAnswer, wildcard};

/// Files that include each other, as in `servconf.c`.
const MAX_DEPTH: usize = 16;
/// Keywords that may stand several times, each time for one more.
const SEVERAL: [&str; 12] = [
    "acceptenv",
    "allowgroups",
    "allowusers",
    "denygroups",
    "denyusers",
    "hostcertificate",
    "hostkey",
    "listenaddress",
    "port",
    "setenv",
    "subsystem",
    "permitlisten",
];

/// A line that says something for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The keyword in lower case.
    pub keyword: String,
    /// Its arguments with one blank between them, quotes taken off.
    pub value: String,
    /// It stands below a `Match` that fits every connection: such a line counts more than those
    /// before all of them.
    pub over: bool,
}

/// A configuration with all that it includes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshdConfig {
    /// Its lines in the order in which sshd reads them, those below a `Match` left out.
    pub lines: Vec<Line>,
}

impl SshdConfig {
    /// That of a file of an image; none where there is no file.
    ///
    /// # Errors
    ///
    /// What the files cannot tell, and files that include each other without end.
    pub fn read(files: &(impl Files + ?Sized), path: &str) -> Answer<Option<Self>> {
        let mut config = Self::default();
        let there = config.add(files, path, 0, false)?;
        Ok(there.then_some(config))
    }

    fn add(
        &mut self,
        files: &(impl Files + ?Sized),
        path: &str,
        depth: usize,
        over: bool,
    ) -> Answer<bool> {
        if depth > MAX_DEPTH {
            return Err(NoAnswer::Failed(format!("`{path}` is included too deeply")));
        }
        let Some(bytes) = files.read(path)? else { return Ok(false) };
        // A `Match` holds to the end of its file.
        let mut for_all = true;
        let mut over = over;
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let Some((keyword, arguments)) = words(line) else { continue };
            match keyword.as_str() {
                "match" => {
                    for_all = fits_all(&arguments);
                    over = for_all;
                }
                "include" if for_all => {
                    for pattern in &arguments {
                        for included in named(files, pattern)? {
                            self.add(files, &included, depth + 1, over)?;
                        }
                    }
                }
                _ if for_all => {
                    let (file, value) = (path.to_owned(), arguments.join(" "));
                    self.lines.push(Line { file, line: index + 1, keyword, value, over });
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// The lines that count for a keyword, whatever its case and by any of its names: the first one, or
    /// all of them where a keyword may stand several times.
    pub fn said(&self, keyword: &str) -> Vec<&Line> {
        let keyword = keyword.to_ascii_lowercase();
        let keyword = today(&keyword);
        let lines = || self.lines.iter().filter(|line| today(&line.keyword) == keyword);
        if SEVERAL.contains(&keyword) {
            return lines().collect();
        }
        lines().find(|line| line.over).or_else(|| lines().next()).into_iter().collect()
    }
}

/// Whether a `Match` fits every connection.
fn fits_all(arguments: &[String]) -> bool {
    match arguments {
        [one] => one.eq_ignore_ascii_case("all"),
        pairs => !pairs.is_empty() && pairs.iter().skip(1).step_by(2).all(|value| value == "*"),
    }
}

/// The name that a keyword has today.
fn today(keyword: &str) -> &str {
    match keyword {
        "challengeresponseauthentication" | "skeyauthentication" => "kbdinteractiveauthentication",
        "dsaauthentication" => "pubkeyauthentication",
        "hostbasedacceptedkeytypes" => "hostbasedacceptedalgorithms",
        "hostdsakey" => "hostkey",
        "keepalive" => "tcpkeepalive",
        "pubkeyacceptedkeytypes" => "pubkeyacceptedalgorithms",
        other => other,
    }
}

/// Words of sshd's own, which it reads in any case.
const OWN_WORDS: [&str; 10] = [
    "any",
    "clientspecified",
    "delayed",
    "forced-commands-only",
    "local",
    "no",
    "none",
    "prohibit-password",
    "remote",
    "yes",
];

/// A value as it is compared: sshd's own words in small letters and as they are called today; paths,
/// names and algorithms differ by case.
pub fn sshd_value(keyword: &str, value: &str) -> String {
    let low = match value.to_ascii_lowercase() {
        low if low == "without-password" => "prohibit-password".to_owned(),
        low => low,
    };
    let level = ["loglevel", "syslogfacility"].iter().any(|own| keyword.eq_ignore_ascii_case(own));
    if level || OWN_WORDS.contains(&low.as_str()) { low } else { value.to_owned() }
}

/// The keyword of a line and its arguments: `Keyword argument …` or `Keyword=argument`, arguments
/// with blanks in double quotes. None for blank lines and comments.
fn words(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let quoted = line.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let (keyword, rest) = quoted.unwrap_or_else(|| {
        let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
        line.split_at(end)
    });
    let rest = rest.trim_start();
    let mut rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let mut arguments = Vec::new();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (argument, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        arguments.push(argument.to_owned());
        rest = behind.trim_start();
    }
    Some((keyword.to_ascii_lowercase(), arguments))
}

/// The files that an `Include` names, in the order of their names: relative to `/etc/ssh`, with
/// `*` and `?` in the last component, as glob(7) has them.
fn named(files: &(impl Files + ?Sized), pattern: &str) -> Answer<Vec<String>> {
    let relative = !pattern.starts_with('/');
    let pattern = if relative { format!("/etc/ssh/{pattern}") } else { pattern.to_owned() };
    let (directory, name) = pattern.rsplit_once('/').unwrap_or(("", &pattern));
    if directory.contains(['*', '?', '[']) || name.contains('[') {
        let why = format!("which files `Include {pattern}` names");
        return Err(NoAnswer::Unknown(why));
    }
    if !name.contains(['*', '?']) {
        return Ok(vec![pattern]);
    }
    let mut names = files.list(directory)?.unwrap_or_default();
    names.retain(|one| {
        let hidden = one.starts_with('.') && !name.starts_with('.');
        !hidden && wildcard(name.as_bytes(), one.as_bytes())
    });
    names.sort_unstable();
    Ok(names.iter().map(|one| format!("{directory}/{one}")).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use forge_model::FileStat;

    use super::*;

    const PATH: &str = "/etc/ssh/sshd_config";

    struct Tree(BTreeMap<&'static str, &'static str>);

    impl Files for Tree {
        fn stat(&self, _: &str, _: bool) -> Answer<Option<FileStat>> {
            Ok(None)
        }

        fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
            Ok(self.0.get(path).map(|text| text.as_bytes().to_vec()))
        }

        fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
            let inside =
                self.0.keys().filter_map(|file| file.strip_prefix(path)?.strip_prefix('/'));
            Ok(Some(inside.map(str::to_owned).collect()))
        }
    }

    #[test]
    fn the_first_word_counts_and_a_match_does_not() {
        let files = Tree(BTreeMap::from([
            (
                PATH,
                "# Port 1\nInclude sshd_config.d/*.conf\nPort=22\nport 2222 # more\n\
                 PermitRootLogin yes\nBanner \"/etc/issue net\"\nMatch User ann\nX11Forwarding yes\n\
                 Include /etc/ssh/never\nMatch all\nUsePAM no\n",
            ),
            ("/etc/ssh/sshd_config.d/b.conf", "permitrootlogin no\nMatch Group x\nUsePAM yes\n"),
            ("/etc/ssh/sshd_config.d/a.conf", "MaxAuthTries 3\n"),
            ("/etc/ssh/sshd_config.d/c.txt", "MaxAuthTries 9\n"),
            ("/etc/ssh/never", "MaxSessions 1\n"),
        ]));
        let config = SshdConfig::read(&files, PATH).unwrap().unwrap();
        let said = |keyword: &str| {
            let lines = config.said(keyword);
            let shown = |line: &&Line| {
                let name = line.file.rsplit('/').next().unwrap_or_default();
                format!("{name}:{} {}", line.line, line.value)
            };
            lines.iter().map(shown).collect::<Vec<_>>()
        };
        assert_eq!(said("PermitRootLogin"), ["b.conf:1 no"]);
        assert_eq!(said("Port"), ["sshd_config:3 22", "sshd_config:4 2222"]);
        assert_eq!(said("MaxAuthTries"), ["a.conf:1 3"]);
        assert_eq!(said("Banner"), ["sshd_config:6 /etc/issue net"]);
        assert_eq!(said("UsePAM"), ["sshd_config:11 no"]);
        assert!(said("X11Forwarding").is_empty() && said("MaxSessions").is_empty());
        assert_eq!(SshdConfig::read(&Tree(BTreeMap::new()), PATH).unwrap(), None);
        let circle = Tree(BTreeMap::from([(PATH, "Include sshd_config\n")]));
        assert!(matches!(SshdConfig::read(&circle, PATH), Err(NoAnswer::Failed(_))));
    }
}

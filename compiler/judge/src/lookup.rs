use std::cell::OnceCell;
use std::collections::BTreeSet;

use forge_model::{
    Answer, CommandOutput, DocumentFormat, Expectation, FileStat, Level, ModuleState, NoAnswer,
    Operator, Property, Resource, Scalar, Stated, Target, UnitState,
};

use crate::compare::Found;
use crate::document::Document;
use crate::parsers::mounts::{self, Configured};
use crate::parsers::sshd::{self, SshdConfig, sshd_value};
use crate::parsers::{processes, sockets};
use crate::setting;
use crate::version::Order;

/// What looking a property up gave.
pub(crate) enum Look {
    /// A value.
    Value {
        /// The value.
        found: Found,
        /// Where it was found.
        evidence: Option<String>,
    },
    /// A comparison that was made on the way, with what stood there.
    Compared {
        /// It holds.
        holds: bool,
        /// What was found, in words.
        message: String,
        /// Where it was found.
        evidence: Option<String>,
    },
    /// There is nothing that could have the property.
    Absent {
        /// In words.
        message: String,
    },
}

impl Look {
    fn value(found: Found) -> Self {
        Self::Value { found, evidence: None }
    }

    fn proven(found: Found, evidence: impl Into<String>) -> Self {
        Self::Value { found, evidence: Some(evidence.into()) }
    }

    fn absent(message: impl Into<String>) -> Self {
        Self::Absent { message: message.into() }
    }
}

/// One resource of one target, asked for its properties.
pub(crate) struct Lookup<'a> {
    target: &'a dyn Target,
    resource: &'a Resource,
    /// A command runs once, whatever is asked of what it prints.
    output: OnceCell<Answer<CommandOutput>>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(target: &'a dyn Target, resource: &'a Resource) -> Self {
        Self { target, resource, output: OnceCell::new() }
    }

    pub(crate) fn look(&self, expected: &Expectation) -> Answer<Look> {
        let property = expected.property;
        let look = match self.resource {
            Resource::File { path } => self.file(path, expected)?,
            Resource::Package { name } => self.package(name, property)?,
            Resource::User { name } => self.user(name, property)?,
            Resource::Group { name } => self.group(name, property)?,
            Resource::Service { name } => self.service(&unit_name(name), property)?,
            Resource::KernelParameter { name } => match property {
                Property::Value => self.kernel_parameter(name)?,
                _ => None,
            },
            Resource::KernelModule { name } => self.kernel_module(name, property)?,
            Resource::SshdConfig { path } => self.sshd(path, expected)?,
            Resource::Mount { path } => self.mount(path, property)?,
            Resource::Port { number } => self.port(number, expected)?,
            Resource::Process { name } => self.process(name, property)?,
            Resource::Filesystem { path } => self.filesystem(path, property)?,
            Resource::Command { line, timeout } => self.command(line, *timeout, property)?,
        };
        look.ok_or_else(|| {
            NoAnswer::Failed(format!("a {} has no `{property}`", self.resource.kind()))
        })
    }

    fn file(&self, path: &str, expected: &Expectation) -> Answer<Option<Look>> {
        let follow = |stat: fn(FileStat) -> Answer<Found>| -> Answer<Option<Look>> {
            Ok(Some(match self.target.stat(path, true)? {
                Some(found) => Look::value(stat(found)?),
                None => Look::absent(self.why_absent(path)?),
            }))
        };
        match expected.property {
            Property::Exists => self.exists(path, expected.negated).map(Some),
            Property::Type => self.own(path, |stat| Found::Text(stat.kind)).map(Some),
            Property::LinkTarget => self.link_target(path).map(Some),
            Property::LeadsTo => follow(|stat| Ok(Found::Text(stat.kind))),
            Property::Owner => follow(|stat| Ok(Found::Text(stat.owner))),
            Property::Group => follow(|stat| Ok(Found::Text(stat.group))),
            Property::Mode => follow(|stat| Ok(Found::Mode(stat.mode))),
            Property::Size => follow(|stat| {
                let size = stat.size.ok_or_else(|| NoAnswer::Unknown(SIZE_UNKNOWN.to_owned()))?;
                Ok(Found::Number(i64::try_from(size).unwrap_or(i64::MAX)))
            }),
            Property::Content => self.content(path, &expected.operator).map(Some),
            Property::Setting => self.setting(path, expected),
            _ => Ok(None),
        }
    }

    /// A dangling link neither exists nor is it absent: either demand fails.
    fn exists(&self, path: &str, negated: bool) -> Answer<Look> {
        let there = self.target.stat(path, !negated)?.is_some();
        let message = if there { "it exists".to_owned() } else { self.why_absent(path)? };
        Ok(Look::Compared { holds: there, message, evidence: None })
    }

    fn own(&self, path: &str, value: fn(FileStat) -> Found) -> Answer<Look> {
        Ok(match self.target.stat(path, false)? {
            Some(stat) => Look::value(value(stat)),
            None => Look::absent(ABSENT),
        })
    }

    fn link_target(&self, path: &str) -> Answer<Look> {
        let Some(stat) = self.target.stat(path, false)? else {
            return Ok(Look::absent(ABSENT));
        };
        let kind = stat.kind;
        Ok(stat.link.map_or_else(
            || Look::absent(format!("it is a {kind}, not a symbolic link")),
            |target| Look::value(Found::Text(target)),
        ))
    }

    fn why_absent(&self, path: &str) -> Answer<String> {
        let link = self.target.stat(path, false)?.and_then(|stat| stat.link);
        Ok(link.map_or_else(
            || ABSENT.to_owned(),
            |target| format!("it is a link to `{target}`, which is absent"),
        ))
    }

    /// The file's text, or why there is none.
    fn text(&self, path: &str) -> Answer<Result<String, Look>> {
        if let Some(bytes) = self.target.read(path)? {
            return Ok(Ok(String::from_utf8_lossy(&bytes).into_owned()));
        }
        let message = match self.target.stat(path, true)? {
            Some(stat) => format!("it is a {}, not a file", stat.kind),
            None => self.why_absent(path)?,
        };
        Ok(Err(Look::Absent { message }))
    }

    /// A file's text is compared here, so that no message shows it: it may hold a secret.
    fn content(&self, path: &str, operator: &Operator) -> Answer<Look> {
        let text = match self.text(path)? {
            Ok(text) => text,
            Err(absent) => return Ok(absent),
        };
        let line = first_line(&text, operator);
        let size = text.len();
        let found = Found::Text(text);
        let holds =
            crate::compare::holds(Property::Content, operator, &found).map_err(NoAnswer::Failed)?;
        let verb = if holds { "does" } else { "does not" };
        let message = format!("the content, {size} bytes, {verb}");
        let evidence = Some(line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}")));
        Ok(Look::Compared { holds, message, evidence })
    }

    /// All lines that set the key must set it as wanted; that it is not so set, none may.
    fn setting(&self, path: &str, expected: &Expectation) -> Answer<Option<Look>> {
        let operator = &expected.operator;
        if let Operator::Document { pointer, values, format } = operator {
            return self.document(path, pointer, values, *format).map(Some);
        }
        let Operator::Setting { key, values, separator, section } = operator else {
            return Ok(None);
        };
        let text = match self.text(path)? {
            Ok(text) => text,
            Err(absent) => return Ok(Some(absent)),
        };
        let lines = setting::find(&text, key, separator, section.as_deref());
        let wanted = |value: &str| values.iter().any(|wanted| wanted.to_string() == value);
        if expected.negated
            && let Some(set) = lines.iter().find(|set| wanted(&set.value))
        {
            let message = format!("line {} sets it to \"{}\"", set.line, set.value);
            let evidence = Some(format!("{path}:{}", set.line));
            return Ok(Some(Look::Compared { holds: true, message, evidence }));
        }
        let other = lines.iter().find(|set| !wanted(&set.value));
        let Some(shown) = other.or(lines.first()) else {
            return Ok(Some(Look::absent(format!("no line sets `{key}`"))));
        };
        let also = lines.iter().find(|set| other.is_some() && wanted(&set.value));
        let mut message = format!("line {} sets it to \"{}\"", shown.line, shown.value);
        if let Some(also) = also {
            message = format!("{message}, though line {} sets it as wanted", also.line);
        }
        let evidence = Some(format!("{path}:{}", shown.line));
        Ok(Some(Look::Compared { holds: other.is_none(), message, evidence }))
    }

    fn document(
        &self,
        path: &str,
        pointer: &str,
        values: &[Scalar],
        format: DocumentFormat,
    ) -> Answer<Look> {
        let text = match self.text(path)? {
            Ok(text) => text,
            Err(absent) => return Ok(absent),
        };
        let document = Document::parse(&text, format)
            .map_err(|why| NoAnswer::Failed(format!("it is no {}: {why}", format.name())))?;
        let Some(found) = document.at(pointer) else {
            return Ok(Look::absent(format!("nothing stands at `{pointer}`")));
        };
        let holds = match found {
            Document::Leaf(leaf) => values.iter().any(|wanted| leaf.is(wanted)),
            Document::List(_) | Document::Map(_) => false,
        };
        let line = found.line(&text, format, pointer);
        let evidence = Some(line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}")));
        Ok(Look::Compared { holds, message: format!("it is {found}"), evidence })
    }

    /// What sshd would take for a keyword.
    fn sshd(&self, path: &str, expected: &Expectation) -> Answer<Option<Look>> {
        let Operator::Keyword { key, values } = &expected.operator else { return Ok(None) };
        let Some(config) = SshdConfig::read(self.target, path)? else {
            return Ok(Some(Look::absent(format!("there is no `{path}`"))));
        };
        let said = config.said(key);
        let Some(first) = said.first() else {
            if expected.property == Property::Absent {
                let message = format!("nothing sets `{key}`");
                return Ok(Some(Look::Compared { holds: true, message, evidence: None }));
            }
            return Ok(Some(Look::absent(format!("nothing sets `{key}`: sshd decides"))));
        };
        let wanted = |value: &str| {
            let is =
                |wanted: &Scalar| sshd_value(key, &wanted.to_string()) == sshd_value(key, value);
            values.iter().any(is)
        };
        // What may stand several times is not so where none of its lines is.
        let decides = |line: &&&sshd::Line| wanted(&line.value) == expected.negated;
        let decided = said.iter().find(decides);
        let holds = decided.is_some() == expected.negated;
        let shown = decided.unwrap_or(first);
        let message = format!("it is \"{}\"", shown.value);
        let evidence = Some(format!("{}:{}", shown.file, shown.line));
        Ok(Some(Look::Compared { holds, message, evidence }))
    }

    fn mount(&self, path: &str, property: Property) -> Answer<Option<Look>> {
        if property == Property::Mounted {
            return self.is_mounted(path).map(Some);
        }
        let configured = mounts::configured(self.target, path)?;
        if property == Property::Configured {
            return Ok(Some(presence(configured.map(|found| found.evidence))));
        }
        let Some(Configured { source, kind, options, evidence }) = configured else {
            return Ok(Some(Look::absent("nothing says what is mounted there")));
        };
        let found = match property {
            Property::Source => Found::Text(source),
            Property::FileSystem => Found::Text(kind),
            Property::Options => Found::List(options),
            _ => return Ok(None),
        };
        Ok(Some(Look::proven(found, evidence)))
    }

    /// Only a system that runs has mounts of its own.
    fn is_mounted(&self, path: &str) -> Answer<Look> {
        const SECONDS: u32 = 10;
        if self.target.level() < Level::Booted {
            let why = "only a running system knows what is mounted";
            return Err(NoAnswer::Unknown(why.to_owned()));
        }
        let CommandOutput { status, stdout, stderr } =
            self.target.command("cat /proc/self/mountinfo", SECONDS)?;
        if status != 0 {
            let why = format!("`/proc/self/mountinfo` cannot be read: {}", stderr.trim());
            return Err(NoAnswer::Failed(why));
        }
        Ok(Look::value(Found::Flag(mounts::is_mounted(&stdout, path))))
    }

    /// Only a system that runs has sockets.
    fn port(&self, number: &str, expected: &Expectation) -> Answer<Option<Look>> {
        if self.target.level() < Level::Booted {
            let why = "only a running system knows what listens";
            return Err(NoAnswer::Unknown(why.to_owned()));
        }
        let port: u16 =
            number.parse().map_err(|_| NoAnswer::Failed(format!("`{number}` is no port")))?;
        let output =
            self.output.get_or_init(|| self.target.command(sockets::QUESTION, ASK_SECONDS));
        let CommandOutput { stdout, .. } = output.as_ref().map_err(Clone::clone)?;
        let mut found = sockets::listeners(stdout).map_err(NoAnswer::Failed)?;
        found.retain(|listener| listener.port == port);
        if expected.property == Property::Listening {
            return Ok(Some(Look::value(Found::Flag(!found.is_empty()))));
        }
        if found.is_empty() {
            return Ok(Some(Look::absent("nothing listens there")));
        }
        let listed: BTreeSet<String> = match expected.property {
            Property::Protocol => found.into_iter().map(|one| one.protocol).collect(),
            Property::Address => found.into_iter().map(|one| one.address).collect(),
            Property::Process if found.iter().any(|one| one.processes.is_empty()) => {
                let why = "which process listens cannot be seen: only root may";
                return Err(NoAnswer::Failed(why.to_owned()));
            }
            Property::Process => {
                found.into_iter().flat_map(|one| one.processes.into_values()).collect()
            }
            _ => return Ok(None),
        };
        Ok(Some(Look::value(Found::List(listed.into_iter().collect()))))
    }

    /// What runs, by the kernel's own records.
    fn process(&self, name: &str, property: Property) -> Answer<Option<Look>> {
        if self.target.level() < Level::Booted {
            return Err(NoAnswer::Unknown("only a running system knows what runs".to_owned()));
        }
        let output =
            self.output.get_or_init(|| self.target.command(processes::QUESTION, ASK_SECONDS));
        let CommandOutput { stdout, .. } = output.as_ref().map_err(Clone::clone)?;
        let users = processes::users(stdout, name).map_err(NoAnswer::Failed)?;
        Ok(match property {
            Property::Running => Some(Look::value(Found::Flag(!users.is_empty()))),
            Property::RunBy if users.is_empty() => Some(Look::absent("nothing of the name runs")),
            Property::RunBy => Some(Look::value(Found::List(users.into_iter().collect()))),
            _ => None,
        })
    }

    /// The file system of a path, by df(1).
    fn filesystem(&self, path: &str, property: Property) -> Answer<Option<Look>> {
        if self.target.level() < Level::Node {
            return Err(NoAnswer::Unknown("only a node has file systems of its own".to_owned()));
        }
        let quoted = path.replace('\'', r"'\''");
        let line = format!("LC_ALL=C df -PT -B1 -- '{quoted}'");
        let output = self.output.get_or_init(|| self.target.command(&line, ASK_SECONDS));
        let CommandOutput { status, stdout, stderr } = output.as_ref().map_err(Clone::clone)?;
        // `Filesystem Type 1-blocks Used Available Capacity Mounted on`
        let row = stdout.lines().nth(1).filter(|_| *status == 0);
        let words: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
        let Some((kind, size, free)) = df_columns(&words) else {
            return Err(NoAnswer::Failed(format!("df says nothing of it: {}", stderr.trim())));
        };
        let number = |word: &str| {
            let number = word.parse::<i64>().map(Found::Number);
            number.map_err(|_| NoAnswer::Failed(format!("df says `{word}` of it")))
        };
        let evidence = format!("df {path}");
        Ok(Some(match property {
            Property::FileSystem => Look::proven(Found::Text(kind.to_owned()), evidence),
            Property::Size => Look::proven(number(size)?, evidence),
            Property::Free => Look::proven(number(free)?, evidence),
            _ => return Ok(None),
        }))
    }

    fn package(&self, name: &str, property: Property) -> Answer<Option<Look>> {
        let package = self.target.package(name)?;
        Ok(Some(match property {
            Property::Installed => match package {
                Some(found) => Look::proven(Found::Flag(true), found.evidence),
                None => Look::value(Found::Flag(false)),
            },
            Property::Version => match package {
                None => Look::absent("the package is not installed"),
                Some(found) => {
                    let version = known(found.version, "version")?;
                    let order = Order::of_record(&found.evidence);
                    Look::proven(Found::Version(version, order), found.evidence)
                }
            },
            _ => return Ok(None),
        }))
    }

    fn user(&self, name: &str, property: Property) -> Answer<Option<Look>> {
        let account = self.target.user(name)?;
        if property == Property::Exists {
            return Ok(Some(presence(account.map(|account| account.evidence))));
        }
        let Some(account) = account else {
            return Ok(Some(Look::absent("there is no such user")));
        };
        let found = match property {
            Property::Uid => Found::Number(known(account.uid, "uid")?.into()),
            Property::Group => Found::Text(known(account.group, "group")?),
            Property::Groups => Found::List(known(account.groups, "list of groups")?),
            Property::Home => Found::Text(known(account.home, "home")?),
            Property::Shell => Found::Text(known(account.shell, "shell")?),
            _ => return Ok(None),
        };
        Ok(Some(Look::proven(found, account.evidence)))
    }

    fn group(&self, name: &str, property: Property) -> Answer<Option<Look>> {
        let group = self.target.group(name)?;
        Ok(Some(match (property, group) {
            (Property::Exists, group) => presence(group.map(|group| group.evidence)),
            (Property::Gid, None) => Look::absent("there is no such group"),
            (Property::Gid, Some(group)) => {
                let gid = known(group.gid, "gid")?;
                Look::proven(Found::Number(gid.into()), group.evidence)
            }
            _ => return Ok(None),
        }))
    }

    fn service(&self, unit: &str, property: Property) -> Answer<Option<Look>> {
        let UnitState { installed, enabled, masked, running, evidence } = self.target.unit(unit)?;
        let (flag, name) = match property {
            Property::Installed => (installed, "presence"),
            Property::Masked => (masked, "mask"),
            Property::Enabled => (enabled, "enablement"),
            Property::Running => (running, "activity"),
            _ => return Ok(None),
        };
        let needs_unit = matches!(property, Property::Enabled | Property::Running);
        if needs_unit && installed == Some(false) && flag != Some(true) {
            return Ok(Some(Look::absent(format!("there is no unit `{unit}`"))));
        }
        let found = Found::Flag(known(flag, name)?);
        Ok(Some(Look::Value { found, evidence }))
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<Look>> {
        Ok(Some(match self.target.kernel_parameter(name)? {
            Some(set) => Look::proven(Found::Text(set.value), set.evidence),
            None => Look::absent("no configuration sets it"),
        }))
    }

    fn kernel_module(&self, name: &str, property: Property) -> Answer<Option<Look>> {
        let ModuleState { exists, disabled, blacklisted } = self.target.kernel_module(name)?;
        let (stated, what) = match property {
            Property::Exists => (exists, "presence"),
            Property::Disabled => (disabled, "disablement"),
            Property::Blacklisted => (blacklisted, "place in a blacklist"),
            _ => return Ok(None),
        };
        let Stated { holds, evidence } = known(stated, what)?;
        Ok(Some(Look::Value { found: Found::Flag(holds), evidence }))
    }

    fn command(&self, line: &str, timeout: u32, property: Property) -> Answer<Option<Look>> {
        let output = self.output.get_or_init(|| self.target.command(line, timeout));
        let CommandOutput { status, stdout, stderr } = output.as_ref().map_err(Clone::clone)?;
        let found = match property {
            Property::ExitStatus => Found::Number((*status).into()),
            Property::Stdout => Found::Text(stdout.clone()),
            Property::Stderr => Found::Text(stderr.clone()),
            _ => return Ok(None),
        };
        // Whoever reads that nothing was printed asks why.
        let evidence = (*status != 0 && property == Property::Stdout).then(|| {
            let first = stderr.lines().find(|line| !line.trim().is_empty());
            let said = first.map(|line| {
                format!(" and wrote `{}` to stderr", line.chars().take(200).collect::<String>())
            });
            format!("the command ended with {status}{}", said.unwrap_or_default())
        });
        Ok(Some(Look::Value { found, evidence }))
    }
}

/// Seconds that a question to a running system may take.
const ASK_SECONDS: u32 = 30;
/// Type, size and free bytes of a row of df: a device may have blanks in its name, and what stands before
/// `42%` has none.
fn df_columns<'a>(words: &[&'a str]) -> Option<(&'a str, &'a str, &'a str)> {
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    words.windows(5).skip(1).find_map(|five| {
        let [kind, size, used, free, percent] = five else { return None };
        let numbers = [size, used, free].into_iter().all(is_number);
        let here = numbers && (percent.ends_with('%') || *percent == "-");
        here.then_some((*kind, *size, *free))
    })
}

const ABSENT: &str = "the path is absent";
const SIZE_UNKNOWN: &str = "the size of this file is not known";

fn presence(evidence: Option<String>) -> Look {
    let there = evidence.is_some();
    Look::Value { found: Found::Flag(there), evidence }
}

fn known<T>(value: Option<T>, what: &str) -> Answer<T> {
    value.ok_or_else(|| NoAnswer::Unknown(format!("its {what} is not known here")))
}

/// The full name of a unit: `.service` unless the name has a unit's ending.
fn unit_name(name: &str) -> String {
    const ENDINGS: [&str; 11] = [
        ".service",
        ".socket",
        ".device",
        ".mount",
        ".automount",
        ".swap",
        ".target",
        ".path",
        ".timer",
        ".slice",
        ".scope",
    ];
    if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

/// The line on which the text that was asked for begins.
fn first_line(text: &str, operator: &Operator) -> Option<usize> {
    let start = match operator {
        Operator::Includes(wanted) => text.find(&wanted.to_string()),
        Operator::Matches(pattern) => {
            let found = crate::compare::regex(pattern).ok()?.find(text)?;
            // A pattern may begin with the ends of lines before it.
            let blanks = found.as_str().len() - found.as_str().trim_start().len();
            let is_blank = blanks == found.len();
            Some(found.start() + if is_blank { 0 } else { blanks })
        }
        _ => None,
    }?;
    Some(text[..start].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::df_columns;

    #[test]
    fn rows_of_df() {
        let of = |row: &str| {
            df_columns(&row.split_whitespace().collect::<Vec<_>>())
                .map(|(a, b, c)| format!("{a} {b} {c}"))
        };
        assert_eq!(of("/dev/sda1 ext4 1000 250 750 25% /").as_deref(), Some("ext4 1000 750"));
        assert_eq!(of("//srv/my share cifs 9 2 7 23% /my data").as_deref(), Some("cifs 9 7"));
        assert_eq!(of("proc proc 0 0 0 - /proc").as_deref(), Some("proc 0 0"));
        assert_eq!(of("df: nothing"), None);
    }
}

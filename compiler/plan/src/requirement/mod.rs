//! What the items of an image need: accounts, units, programs, files.
//!
//! A need is a control that nobody has to write. So there is one set of rules and two sources of
//! knowledge: the spec as a target, before anything is built, and the built tree. What the spec
//! knows to be missing or unfit is an error with its place. What a package or a script may bring
//! stays open: the plan judges it in the built tree, before the image is packed.

mod known;
mod mend;
mod near;
mod unit;

use std::collections::{BTreeMap, BTreeSet};

pub use self::near::NearUnit;

use self::known::{loads_modules, made_at_boot, mount_helper};
use self::near::Mention;
use forge_diag::{Code, Diagnostic, SourceMap, Span, codes};
use forge_model::{
    Check, Content, Control, Edit, Expectation, ImagePath, Level, Operator, Origin, Property,
    REQUIREMENTS, Resource, Scalar, Shared, Sources, Status, Target, User, Verdict,
};
use forge_spec::{
    Domain, FileTree, Item, ItemKind, Part, ResolvedImage, SystemFact, TreeNode, compiled_names,
    is_generated,
};

/// A kind of need, which decides the code of its finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    User,
    Group,
    Unit,
    Program,
    Module,
    File,
    Zone,
    Locale,
    NoHostname,
}

impl Need {
    fn code(self) -> Code {
        match self {
            Self::User | Self::Group => codes::SPEC_OWNER,
            Self::Unit => codes::REQUIRES_UNIT,
            Self::Program => codes::REQUIRES_PROGRAM,
            Self::Module => codes::REQUIRES_MODULE,
            Self::File | Self::Zone | Self::Locale => codes::REQUIRES_FILE,
            Self::NoHostname => codes::SPEC_IDENTITY,
        }
    }
}

/// What is said of a thing that is not there at all.
const ABSENT: &str = "which nothing in the image makes";

/// One need of one item.
#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    need: Need,
    subject: String,
    /// What is asked, and its place; the title says who needs it, the tag which layer.
    control: Shared<Control>,
}

/// What a target says of the needs of an image.
#[derive(Debug, Default)]
pub struct Needs {
    /// What is known to be missing or unfit.
    pub found: Vec<Diagnostic>,
    /// What only the built image can tell.
    pub open: Vec<Shared<Control>>,
    /// Units that are named, and are nearly units of the image.
    pub near: Vec<NearUnit>,
}

/// Judges what the items of an image need by what a target knows.
pub fn needs(
    image: &ResolvedImage,
    sources: &dyn Sources,
    target: &dyn Target,
    map: &SourceMap,
) -> Needs {
    let near = near::find(image, collected(image, sources).flat_map(|item| &item.mentions));
    let mut needs = Needs { near, ..Needs::default() };
    for requirement in of(image, sources) {
        if requirement.is_met(target) {
            continue;
        }
        let verdict = forge_judge::judge(&requirement.control, target);
        match verdict.status {
            Status::Passed
            | Status::Skipped
            | Status::NotReviewed
            | Status::Waived
            | Status::NotApplicable
            | Status::Empty => {}
            Status::NotKnownHere => needs.open.push(requirement.control.clone()),
            // Enabling the unit makes its other names.
            Status::Failed
                if requirement.need == Need::Unit && is_alias(image, sources, requirement) =>
            {
                needs.open.push(requirement.control.clone());
            }
            Status::Failed | Status::Error => {
                needs.found.push(requirement.diagnostic(&verdict, map));
            }
        }
    }
    needs
}

/// All needs of an image, each once.
fn of<'a>(image: &'a ResolvedImage, sources: &dyn Sources) -> Vec<&'a Requirement> {
    let mut known = BTreeSet::new();
    let all = collected(image, sources).flat_map(|item| &item.needs);
    // The same role in two parts says the same twice.
    all.filter(|need| known.insert(&need.control.title)).collect()
}

/// What was collected of each item.
fn collected<'a>(
    image: &'a ResolvedImage,
    sources: &dyn Sources,
) -> impl Iterator<Item = &'a ItemNeeds> {
    let items = image.parts.iter().flat_map(|part| part.items.iter().map(move |item| (part, item)));
    items.map(move |(part, item)| {
        item.beside.get_or_make(|| {
            let mut collector = Collector::new(sources);
            collector.item(part, item);
            ItemNeeds { needs: collector.all, mentions: collector.mentions }
        })
    })
}

/// Whether a unit of the spec says that it has this other name too.
fn is_alias(image: &ResolvedImage, sources: &dyn Sources, requirement: &Requirement) -> bool {
    let mut collector = Collector::new(sources);
    let mut items = image.parts.iter().flat_map(|part| &part.items);
    items.any(|item| match &item.kind {
        ItemKind::Unit { content: Some(content), enabled: Some(true), .. } => {
            let text = collector.text(content).unwrap_or_default();
            unit::aliases(&text).contains(&requirement.subject)
        }
        _ => false,
    })
}

/// What one item needs. It stands in one part only, whichever images have it.
struct ItemNeeds {
    needs: Vec<Requirement>,
    /// The units that its texts name.
    mentions: Vec<Mention>,
}

struct Collector<'a> {
    sources: &'a dyn Sources,
    all: Vec<Requirement>,
    mentions: Vec<Mention>,
    /// The file of the project that is read; none for a text of the spec.
    file: Option<String>,
}

/// Who needs something: in words, where, and in which layer.
struct Needer<'a> {
    /// `%` stands for what is needed; without one it stands at the end.
    words: String,
    origin: &'a Origin,
    layer: String,
}

impl<'a> Collector<'a> {
    fn new(sources: &'a dyn Sources) -> Self {
        Self { sources, all: Vec::new(), mentions: Vec::new(), file: None }
    }
}

impl Collector<'_> {
    fn item(&mut self, part: &Part, item: &Item) {
        let by = |words: String, phase: &str| {
            let layer = format!("{}/{phase}", part.name);
            Needer { words, origin: &item.origin, layer }
        };
        match &item.kind {
            ItemKind::File { path, owner, group, content, .. } => {
                self.read(path, content, &by);
                self.owner(&by(format!("`{path}` belongs to"), "files"), owner, group);
            }
            ItemKind::Edit { path, edit: Edit::Line { text, .. }, .. } if loads_modules(path) => {
                self.modules(text, &by(format!("`{path}` loads"), "files"));
            }
            ItemKind::Tree(FileTree { path, owner, group, nodes, .. }) => {
                for (path, node) in nodes {
                    if let TreeNode::File { file, .. } = node {
                        self.read(path, &Content::Source(file.clone()), &by);
                    }
                }
                self.owner(&by(format!("`{path}` belongs to"), "files"), owner, group);
            }
            ItemKind::Directory { path, owner, group, .. }
            | ItemKind::Unpack { into: path, owner, group, .. } => {
                self.owner(&by(format!("`{path}` belongs to"), "files"), owner, group);
            }
            ItemKind::SecretFile { path, owner, group, .. } => {
                let needer = Needer { layer: "secrets".to_owned(), ..by(String::new(), "files") };
                let words = format!("`{path}` belongs to");
                self.owner(&Needer { words, ..needer }, owner, group);
            }
            ItemKind::Sudoers { name, .. } => {
                let words = format!("the rules of `{name}` are for");
                self.program("/usr/bin/sudo", &by(words, "files"));
            }
            ItemKind::User { user: User { name, group, groups, shell, .. }, early } => {
                let phase = if *early { "early-accounts" } else { "accounts" };
                for group in group.iter().chain(groups) {
                    let words = format!("the user `{name}` is in the group");
                    self.account(Need::Group, group, &by(words, phase));
                }
                if let Some(shell) = shell {
                    self.program(shell, &by(format!("the shell of `{name}` is"), phase));
                }
            }
            ItemKind::Service { unit, enabled: Some(true), .. } => {
                self.unit(unit, &by("% is enabled".to_owned(), "units"));
            }
            ItemKind::Unit { unit, content, drop_ins, enabled, .. } => {
                if content.is_none() && *enabled == Some(true) {
                    self.unit(unit, &by("% is enabled".to_owned(), "units"));
                } else if content.is_none() && !drop_ins.is_empty() {
                    self.unit(unit, &by("% has a drop-in".to_owned(), "files"));
                }
                let by = |words: &str| by(format!("`{unit}` {words}"), "files");
                if let Some(text) = content.as_ref().and_then(|content| self.text(content)) {
                    self.whole_unit(unit, &text, &by);
                }
                for drop_in in drop_ins {
                    if let Some(text) = self.text(&drop_in.content) {
                        self.unit_text(&text, &by);
                    }
                }
            }
            ItemKind::Run { name, script, .. } => {
                if let Some(interpreter) = self.interpreter(&script.path) {
                    let phase = format!("run {name}");
                    self.program(&interpreter, &by(format!("the step `{name}` is run by"), &phase));
                }
            }
            ItemKind::System(fact) => self.fact(fact, &|words| by(words, "files")),
            ItemKind::Mount { path, filesystem, .. } => {
                if let Some(helper) = mount_helper(filesystem) {
                    self.program(helper, &by(format!("`{path}` is mounted by"), "files"));
                }
            }
            _ => {}
        }
    }

    /// What a file needs by what reads it.
    fn read<'n>(
        &mut self,
        path: &ImagePath,
        content: &Content,
        by: &dyn Fn(String, &str) -> Needer<'n>,
    ) {
        let unit = unit::read_at(path);
        if unit.is_none() && !loads_modules(path) {
            return;
        }
        let Some(text) = self.text(content) else { return };
        let Some((unit, whole)) = unit else {
            return self.modules(&text, &by(format!("`{path}` loads"), "files"));
        };
        let by = |words: &str| by(format!("`{unit}` {words}"), "files");
        if whole {
            self.whole_unit(&unit, &text, &by);
        } else {
            self.unit_text(&text, &by);
        }
    }

    fn whole_unit<'n>(&mut self, unit: &str, text: &str, by: &dyn Fn(&str) -> Needer<'n>) {
        self.unit_text(text, by);
        if let Some(started) = unit::started(unit, text) {
            self.unit(&started, &by("starts"));
        }
    }

    fn unit_text<'n>(&mut self, text: &str, by: &dyn Fn(&str) -> Needer<'n>) {
        self.mentions.extend(Mention::all(text, self.file.as_deref(), by("").origin));
        for demand in unit::demands(text) {
            match demand {
                unit::Demand::Program(path) => self.program(&path, &by("runs")),
                unit::Demand::File(path) => self.file(&path, &by("reads")),
                unit::Demand::Unit(name) => self.unit(&name, &by("requires")),
                unit::Demand::User(name) => {
                    self.account(Need::User, &name, &by("runs as the user"));
                }
                unit::Demand::Group(name) => {
                    self.account(Need::Group, &name, &by("runs as the group"));
                }
            }
        }
    }

    fn fact<'n>(&mut self, fact: &SystemFact, by: &dyn Fn(String) -> Needer<'n>) {
        match fact {
            SystemFact::Limit(limit) => {
                let words =
                    |word: &str| by(format!("a limit of `{}` is for the {word}", limit.resource));
                match &limit.domain {
                    // An id needs no account.
                    Domain::All | Domain::Users(_) | Domain::Groups(_) => {}
                    Domain::User(name) => self.account(Need::User, name, &words("user")),
                    Domain::Group(name) => self.account(Need::Group, name, &words("group")),
                }
            }
            SystemFact::Hostname(_) => {}
            SystemFact::Timezone(zone) => {
                let path = format!("/usr/share/zoneinfo/{zone}");
                self.path(Need::Zone, &path, &[exists()], &by("the time zone is".to_owned()));
            }
            SystemFact::Locale(name) => self.locale(name, &by("the locale is".to_owned())),
            SystemFact::Console(_) => {
                // Its own line starts a shell.
                self.program(
                    "/usr/sbin/chpasswd",
                    &by("the console's password is set by".to_owned()),
                );
            }
            SystemFact::Identity(identity) => {
                if let Some((unit, text)) = fact.enabled() {
                    self.unit_text(text, &|words| by(format!("`{unit}` {words}")));
                    // Nobody wrote it.
                    self.mentions.clear();
                }
                if identity.hostname {
                    let absent = (Property::Exists, true, Operator::IsTrue);
                    let words = "the host name comes from the network, and not from".to_owned();
                    self.path(Need::NoHostname, "/etc/hostname", &[absent], &by(words));
                }
            }
        }
    }

    /// In a directory of its own, or in the archive that locale-gen(8) makes.
    fn locale(&mut self, name: &str, needer: &Needer<'_>) {
        if !is_generated(name) {
            return;
        }
        let mut places = Vec::new();
        for named in compiled_names(name) {
            let directory = Resource::File { path: format!("/usr/lib/locale/{named}") };
            places.push(check(directory, &[exists()], needer.origin));
            let archive = Resource::File { path: "/usr/lib/locale/locale-archive".to_owned() };
            let holds = (Property::Content, false, Operator::Includes(Scalar::Text(named)));
            places.push(check(archive, &[exists(), holds], needer.origin));
        }
        let any = Check::AnyOf { checks: places, origin: needer.origin.clone() };
        self.add(Need::Locale, name.to_owned(), vec![any], needer);
    }

    fn text(&mut self, content: &Content) -> Option<String> {
        self.file = None;
        match content {
            Content::Text(text) => Some(text.clone()),
            Content::Source(file) => {
                self.file = Some(file.path.clone());
                let bytes = self.sources.read(&file.path).ok()?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
        }
    }

    /// The program that `#!` names.
    fn interpreter(&self, script: &str) -> Option<String> {
        let bytes = self.sources.read(script).ok()?;
        let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        let line = String::from_utf8_lossy(line);
        line.split_whitespace().next().filter(|path| path.starts_with('/')).map(str::to_owned)
    }

    fn owner(&mut self, needer: &Needer<'_>, owner: &str, group: &str) {
        let said = |word: &str| Needer {
            words: format!("{} the {word}", needer.words),
            origin: needer.origin,
            layer: needer.layer.clone(),
        };
        self.account(Need::User, owner, &said("user"));
        self.account(Need::Group, group, &said("group"));
    }

    fn account(&mut self, need: Need, name: &str, needer: &Needer<'_>) {
        if name == ROOT {
            return;
        }
        let name = name.to_owned();
        let resource = match need {
            Need::Group => Resource::Group { name: name.clone() },
            _ => Resource::User { name: name.clone() },
        };
        self.add(need, name, vec![check(resource, &[exists()], needer.origin)], needer);
    }

    /// There, no directory, and executable for its owner at least. Links are followed.
    fn program(&mut self, path: &str, needer: &Needer<'_>) {
        let directory = Operator::OneOf(vec![Scalar::Text("directory".to_owned())]);
        let asked = [
            exists(),
            (Property::Type, true, directory),
            (Property::Mode, false, Operator::Min(Scalar::Text("0100".to_owned()))),
        ];
        self.path(Need::Program, path, &asked, needer);
    }

    /// One name a line (modules-load.d(5)). Blacklisted ones are passed over without a word, and so are
    /// those that the kernel does not have: a role serves nodes with different kernels.
    fn modules(&mut self, text: &str, needer: &Needer<'_>) {
        let lines = text.lines().map(str::trim);
        for name in lines.filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
            let resource = Resource::KernelModule { name: name.to_owned() };
            let asked = [
                (Property::Disabled, true, Operator::IsTrue),
                (Property::Blacklisted, true, Operator::IsTrue),
            ];
            let checks = vec![check(resource, &asked, needer.origin)];
            self.add(Need::Module, name.to_owned(), checks, needer);
        }
    }

    fn file(&mut self, path: &str, needer: &Needer<'_>) {
        self.path(Need::File, path, &[exists()], needer);
    }

    fn path(&mut self, need: Need, path: &str, asked: &[Asked], needer: &Needer<'_>) {
        if made_at_boot(path) {
            return;
        }
        let resource = Resource::File { path: path.to_owned() };
        self.add(need, path.to_owned(), vec![check(resource, asked, needer.origin)], needer);
    }

    /// In one of the directories of systemd.unit(5). An instance's unit is its template's.
    fn unit(&mut self, unit: &str, needer: &Needer<'_>) {
        let file = match unit.split_once('@') {
            Some((stem, rest)) => {
                format!("{stem}@.{}", rest.rsplit_once('.').map_or(rest, |(_, end)| end))
            }
            None => unit.to_owned(),
        };
        let mut places = ["/etc", "/usr/local/lib", "/usr/lib", "/lib"]
            .map(|directory| format!("{directory}/systemd/system/{file}"))
            .to_vec();
        // systemd makes a unit of a script of SysV at boot.
        places.extend(file.strip_suffix(".service").map(|name| format!("/etc/init.d/{name}")));
        let there = |path| check(Resource::File { path }, &[exists()], needer.origin);
        let checks = places.into_iter().map(there).collect();
        let any = Check::AnyOf { checks, origin: needer.origin.clone() };
        self.add(Need::Unit, unit.to_owned(), vec![any], needer);
    }

    fn add(&mut self, need: Need, subject: String, checks: Vec<Check>, needer: &Needer<'_>) {
        let quoted = format!("`{subject}`");
        let title = if needer.words.contains('%') {
            needer.words.replace('%', &quoted)
        } else {
            format!("{} {quoted}", needer.words)
        };
        let control = Control {
            id: title.replace('`', ""),
            profile: REQUIREMENTS.to_owned(),
            impact: 1.0,
            title,
            description: String::new(),
            tags: BTreeMap::from([("layer".to_owned(), needer.layer.clone())]),
            checks,
            only_if: Vec::new(),
            level: Some(Level::Tree),
            run: true,
            code: String::new(),
            origin: needer.origin.clone(),
        };
        self.all.push(Requirement { need, subject, control: control.into() });
    }
}

/// The account and the group that every image has.
const ROOT: &str = "root";

/// A property, whether it must not be so, and the comparison.
type Asked = (Property, bool, Operator);

fn exists() -> Asked {
    (Property::Exists, false, Operator::IsTrue)
}

fn check(resource: Resource, asked: &[Asked], origin: &Origin) -> Check {
    let expectations = asked.iter().cloned().map(|(property, negated, operator)| Expectation {
        property,
        negated,
        operator,
        origin: origin.clone(),
    });
    Check::Resource { resource, expectations: expectations.collect(), origin: origin.clone() }
}

impl Requirement {
    /// Most needs are accounts, and most accounts are there: that takes no verdict with its texts.
    fn is_met(&self, target: &dyn Target) -> bool {
        match self.need {
            Need::User => matches!(target.user(&self.subject), Ok(Some(_))),
            Need::Group => matches!(target.group(&self.subject), Ok(Some(_))),
            _ => false,
        }
    }

    fn diagnostic(&self, verdict: &Verdict, map: &SourceMap) -> Diagnostic {
        let span = |origin: &Origin| map.span_at(&origin.file, origin.line, origin.column);
        let failed = verdict.findings().next();
        let made = failed.and_then(|result| result.provenance.as_ref()?.origin.as_ref());
        let unfit = failed.and_then(|result| result.message.clone()).unwrap_or_default();
        let why = match failed {
            Some(result) if result.text.contains(": mode ") => "which is not executable",
            Some(result) if result.text.contains(": type ") => "which is a directory",
            _ if unfit.ends_with("is disabled") => "which modprobe.d disables",
            _ if unfit.ends_with("is blacklisted") => "which modprobe.d blacklists",
            _ if self.need == Need::NoHostname => "which the image has",
            _ if self.need == Need::Unit => "and nothing in the image installs it",
            _ => ABSENT,
        };
        let mut found =
            Diagnostic::error(self.need.code(), format!("{}, {why}", self.control.title))
                .help(self.need.help(&self.subject));
        let asked = span(&self.control.origin);
        if let Some(asked) = asked {
            found = found.at(asked, "needed here");
            let node = self.need.node(&self.subject).filter(|_| why == ABSENT);
            found = match node.and_then(|node| mend::before(asked, &node, map)) {
                Some((place, text)) => found.offer(place, text),
                None => found,
            };
        }
        match made.and_then(span) {
            Some(made) if Some(made) != asked && self.names_the_path(made, map) => {
                found.and(made, unfit)
            }
            _ => found,
        }
    }

    /// Where nothing makes a path, there is no place to show.
    fn names_the_path(&self, made: Span, map: &SourceMap) -> bool {
        map.slice(made).contains(&self.subject)
    }
}

#[cfg(test)]
mod tests;

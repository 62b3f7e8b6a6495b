//! What a project says, with every reference followed and every parameter put in: the contract
//! between this crate and the plan builder. No KDL, no `${…}`, no `when` is left in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use forge_model::{
    Beside, Content, Edit, ExpectFailed, Fetch, ImagePath, InspecInput, InspecSkip, Level, Located,
    Origin, OutputSettings, PackageSources, PinTo, Profile, SecretReference, SourceFile, User,
    Waiver,
};
use forge_param::ParamValue;

use crate::{StepPlace, SystemFact, fstab};

/// All images of a project, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResolvedSpec {
    /// The images.
    pub images: Vec<ResolvedImage>,
    /// Profiles of `InSpec`, whether an image asks for them or not, by name.
    pub inspec: Vec<ResolvedInspec>,
}

/// A profile of `InSpec`. What stands in its directory is not looked at here.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedInspec {
    /// Its name.
    pub name: String,
    /// Its directory, by its path in the project.
    pub directory: Located<String>,
    /// Values for its inputs.
    pub inputs: Vec<InspecInput>,
    /// Controls that are not judged.
    pub skips: Vec<InspecSkip>,
    /// Controls that may fail.
    pub waivers: Vec<Waiver>,
    /// The dearest target that it is judged at.
    pub level: Level,
    /// Where it is declared.
    pub origin: Origin,
}

/// One image.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedImage {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub origin: Origin,
    /// `set cluster=…`; the name's first word when not set.
    pub cluster: String,
    /// `set type=…`; the rest of the name when not set.
    pub image_type: String,
    /// What the image sets, by name, with what its name and its base say.
    pub set: Vec<Parameter>,
    /// The lowest layer.
    pub base: ResolvedBase,
    /// The kernel.
    pub kernel: Option<ResolvedKernel>,
    /// Roles in the order in which the image names them, used roles before those that use them,
    /// a parent image's before its own; the image's own items stand in a last part named after
    /// the image.
    pub parts: Vec<Part>,
    /// Profiles with their parameters put in.
    pub profiles: Vec<Profile>,
    /// Names of the profiles of `InSpec` that it is judged by, each once.
    pub inspec: Vec<String>,
    /// Waivers of controls of all these profiles, each control's once.
    pub waivers: Vec<Waiver>,
    /// How it is packed.
    pub output: Option<Located<OutputSettings>>,
    /// Units that may and must fail in a booted container.
    pub expect_failed: Vec<ExpectFailed>,
}

/// The lowest layer.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedBase {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub origin: Origin,
    /// Debian's name of the architecture.
    pub arch: String,
    /// What it is made of.
    pub kind: BaseKind,
}

/// What a base is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum BaseKind {
    /// mmdebstrap.
    Debian {
        /// Where packages come from.
        sources: PackageSources,
        /// Packages beside the essential and required ones.
        include: Vec<Located<String>>,
        /// dpkg `path-exclude` globs.
        exclude_paths: Vec<String>,
    },
    /// A tar archive of the project.
    Archive {
        /// The archive.
        source: SourceFile,
    },
    /// A directory of the project.
    Tree {
        /// The directory.
        directory: String,
        /// Its files, with their paths in the image.
        files: Vec<(ImagePath, SourceFile)>,
    },
}

/// The kernel of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedKernel {
    /// The package that brings it.
    pub package: Located<String>,
    /// Its command line.
    pub cmdline: Option<String>,
}

/// One role with its parameters put in, or an image's own items.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The role's name, or the image's.
    pub name: String,
    /// Where the image or role asks for it.
    pub origin: Origin,
    /// Where it is declared.
    pub declared: Origin,
    /// A role's parameters, in the order of their declaration.
    pub parameters: Vec<Parameter>,
    /// Packages, with recommends asked for or not.
    pub packages: Vec<PartPackages>,
    /// Everything else, in the order of the file.
    pub items: Vec<Arc<Item>>,
}

/// A value that a name has, and who gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type as a declaration spells it; none for what an image sets.
    pub ty: Option<String>,
    /// The value.
    pub value: ParamValue,
    /// Who gave it.
    pub source: ParameterSource,
    /// Where the value stands.
    pub origin: Origin,
}

/// Who gives a parameter its value, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSource {
    /// The node that uses the role.
    Given,
    /// The image's own `set`.
    Set,
    /// The `set` of an image that this one is made from.
    Inherited(String),
    /// The image's name, which says cluster and type where no `set` does.
    Name,
    /// The image's base.
    Base,
    /// The parameter's default.
    Default,
}

/// One `packages` node.
#[derive(Clone, Debug, PartialEq)]
pub struct PartPackages {
    /// The names.
    pub names: Vec<Located<String>>,
    /// Package files of the project.
    pub files: Vec<Located<SourceFile>>,
    /// `recommends=#true`.
    pub recommends: bool,
}

/// One item of a part, with the node that asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The node.
    pub origin: Origin,
    /// `override=#true`: the item may change what another part declares.
    pub overrides: bool,
    /// `before="packages"` at a file or directory: it is there before the part's packages too.
    pub early: bool,
    /// What it is.
    pub kind: ItemKind,
    /// What is made of it: images share their items.
    pub beside: Beside,
}

/// `drop-in "name" source=…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIn {
    /// The file's name.
    pub name: String,
    /// The settings.
    pub content: Content,
}

/// The kinds of items.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `repository "name" url=…`.
    Repository {
        /// Its name.
        name: String,
        /// Its address.
        url: String,
        /// Suites, or the one path of a flat repository.
        suites: Vec<String>,
        /// Components; none in a flat repository.
        components: Vec<String>,
        /// The public key that it is signed with.
        key: Option<SourceFile>,
        /// Who may fetch.
        login: Option<SecretReference>,
    },
    /// `pin "package" version=… priority=…`.
    Pin {
        /// A package's name or pattern.
        package: String,
        /// Which of its versions.
        to: PinTo,
        /// Their priority.
        priority: i32,
    },
    /// `hold "package"`.
    Hold {
        /// The packages.
        packages: Vec<String>,
    },
    /// `preseed "owner" "question" "type" "value"`.
    Preseed {
        /// The package that asks.
        owner: String,
        /// The question.
        question: String,
        /// Its type.
        kind: String,
        /// The answer.
        value: String,
    },
    /// `unpack "source" into=…`.
    Unpack {
        /// The archive.
        source: Fetch,
        /// The directory.
        into: ImagePath,
        /// Components taken off each member's path.
        strip: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
        /// Files may run as their owner or group.
        setuid: bool,
    },
    /// `exclude-paths "/pattern"`.
    ExcludePaths {
        /// dpkg's patterns.
        patterns: Vec<String>,
    },
    /// `file "/path" { content … }`, `source=`, `template=`.
    File {
        /// Where.
        path: ImagePath,
        /// The bytes; templates are rendered.
        content: Content,
        /// Permission bits.
        mode: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
    },
    /// `file "/path" secret="name"`.
    SecretFile {
        /// Where.
        path: ImagePath,
        /// Which secret.
        secret: SecretReference,
        /// Permission bits.
        mode: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
    },
    /// `directory "/path"`.
    Directory {
        /// Where.
        path: ImagePath,
        /// Permission bits.
        mode: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
    },
    /// `directory "/path" source=…`.
    Tree(crate::FileTree),
    /// `link "/path" target="…"`.
    Link {
        /// Where.
        path: ImagePath,
        /// As written.
        target: String,
    },
    /// `line "/path" …`, `setting "/path" …`.
    Edit {
        /// Where.
        path: ImagePath,
        /// What is put into the file.
        edit: Edit,
        /// Where nothing has it, the file is made.
        create: bool,
    },
    /// `remove "/glob"`.
    Remove {
        /// An absolute path or glob.
        pattern: String,
    },
    /// `user "name"`.
    User {
        /// The account.
        user: User,
        /// `before="packages"`.
        early: bool,
    },
    /// `group "name"`.
    Group {
        /// Its name.
        name: String,
        /// Its id.
        gid: Option<u32>,
        /// `system=#true`.
        system: bool,
        /// `before="packages"`.
        early: bool,
    },
    /// `sudoers "name" "rule" …`.
    Sudoers {
        /// The file's name in `/etc/sudoers.d`.
        name: String,
        /// Its lines.
        rules: Vec<String>,
    },
    /// `service "name" enabled=…`, for a unit that a package brings.
    Service {
        /// The unit's full name.
        unit: String,
        /// Enable, disable, or leave.
        enabled: Option<bool>,
        /// `masked=#true`.
        masked: bool,
    },
    /// `unit "name" source=…`.
    Unit {
        /// The unit's full name.
        unit: String,
        /// Its text, when the spec brings the unit.
        content: Option<Content>,
        /// Settings added to it.
        drop_ins: Vec<DropIn>,
        /// Enable, disable, or leave.
        enabled: Option<bool>,
        /// `masked=#true`.
        masked: bool,
    },
    /// `run "name" script=…`.
    Run {
        /// The step's name.
        name: String,
        /// The script.
        script: SourceFile,
        /// Declared inputs: path as written, file.
        inputs: Vec<(String, SourceFile)>,
        /// Declared inputs from elsewhere, by their names.
        fetched: Vec<Fetch>,
        /// Environment: parameters asked for by `param`, upper-cased, `-` as `_`, and `env`.
        environment: BTreeMap<String, String>,
        /// Secrets asked for.
        secrets: Vec<SecretReference>,
        /// Where it stands among the phases.
        place: StepPlace,
    },
    /// `sysctl "name" value`.
    Sysctl {
        /// `vm.swappiness`.
        name: String,
        /// As text.
        value: String,
    },
    /// A fact of the system: `limit`, `hostname`, `locale`, `timezone`, `identity`,
    /// `console`.
    System(SystemFact),
    /// `kernel-modules { keep …; drop … }`.
    KernelModules {
        /// Names, globs or directories of modules that stay; all when empty.
        keep: Vec<String>,
        /// Names, globs or directories of modules that go.
        drop: Vec<String>,
        /// `/lib/firmware` stays.
        firmware: bool,
    },
    /// `mount "/where" what=… type=… options=…`.
    Mount {
        /// Mount point.
        path: ImagePath,
        /// What is mounted.
        what: String,
        /// File system.
        filesystem: String,
        /// Options.
        options: String,
        /// Mounted on first use.
        automount: bool,
        /// As a line of `/etc/fstab`.
        fstab: bool,
    },
}

impl ItemKind {
    /// The edit of a file that the item stands for, where it stands for one.
    pub fn as_edit(&self) -> Option<(ImagePath, Edit)> {
        let Self::Mount { path, what, filesystem, options, automount, fstab: true } = self else {
            return None;
        };
        let path = &path.to_string();
        let line = fstab::Line { path, what, filesystem, options, automount: *automount };
        Some((ImagePath::new(fstab::PATH)?, line.edit()))
    }

    /// The plain `file` that the item stands for, where it stands for one.
    pub fn as_file(&self) -> Option<Self> {
        let Self::Sudoers { name, rules } = self else { return None };
        let root = || "root".to_owned();
        Some(Self::File {
            path: ImagePath::new(format!("/etc/sudoers.d/{name}"))?,
            content: Content::Text(format!("{}\n", rules.join("\n"))),
            mode: 0o440,
            owner: root(),
            group: root(),
        })
    }
}

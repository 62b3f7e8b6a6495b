//! What resolved images say, as nodes in words: what `diff` compares.

use std::collections::BTreeMap;

use forge_model::{
    Content, Digest, Fetch, InspecProfile, Origin, SecretReference, SecretSource, SourceFile,
    Waiver,
};
use forge_spec::{BaseKind, DropIn, Item, ItemKind, Part, ResolvedBase, SystemFact, TreeNode};

use super::compare::Compared;

/// A node in words: what it is, what it is about, what it says, where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) says: Vec<(String, String)>,
    pub(super) origin: Origin,
    /// Texts that are compared line by line, by their names.
    pub(super) texts: BTreeMap<String, Content>,
}

impl Said {
    /// What tells two nodes of one name apart: of an edit, what it edits.
    pub(super) fn identity(&self) -> (&str, &str, Vec<&str>) {
        let apart: &[&str] = match self.kind.as_str() {
            "setting" => &["section", "key"],
            "line" => &["match"],
            "pin" => &["version", "release"],
            _ => &[],
        };
        let says = self.says.iter().filter(|(name, _)| apart.contains(&name.as_str()));
        (&self.kind, &self.subject, says.map(|(_, value)| value.as_str()).collect())
    }
}

fn said(kind: &str, subject: &str, says: Vec<(&str, String)>, origin: &Origin) -> Said {
    let says = says.into_iter().filter(|(_, value)| !value.is_empty());
    Said {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        says: says.map(|(name, value)| (name.to_owned(), value)).collect(),
        origin: origin.clone(),
        texts: BTreeMap::new(),
    }
}

/// The nodes of a role, or of an image's own.
pub(super) fn nodes(part: &Part) -> Vec<Said> {
    let mut found = Vec::new();
    for packages in &part.packages {
        let with = || ("recommends", if packages.recommends { "true" } else { "" }.to_owned());
        for name in &packages.names {
            found.push(said("package", &name.value, vec![with()], &name.origin));
        }
        for file in &packages.files {
            let content = ("content", file.value.digest.short());
            let says = vec![with(), content];
            found.push(said("package file", &file.value.path, says, &file.origin));
        }
    }
    found.extend(part.items.iter().map(|item| node(item)));
    found
}

fn node(item: &Item) -> Said {
    let shown = item.shown();
    let mut says = shown.says;
    more(&item.kind, &mut says);
    says.extend(item.overrides.then(|| ("override", "true".to_owned())));
    let mut node = said(shown.kind, &shown.subject, says, &item.origin);
    node.texts = texts(&item.kind);
    node
}

/// What `show` leaves to `cat`: all that makes one item another than the next.
fn more(kind: &ItemKind, says: &mut Vec<(&'static str, String)>) {
    match kind {
        ItemKind::SecretFile { secret, .. } => says.push(("from", secret_source(secret))),
        ItemKind::Unpack { source, .. } => says.push(("sha256", source.sha256.clone())),
        ItemKind::Repository { login: Some(login), .. } => {
            says.push(("login from", secret_source(login)));
        }
        ItemKind::Run { inputs, fetched, secrets, .. } => {
            says.retain(|(name, _)| *name != "input" && *name != "secret");
            let input = |(written, file): &(String, SourceFile)| {
                ("input", format!("{written}, {}", file.digest.short()))
            };
            says.extend(inputs.iter().map(input));
            let source = |fetch: &Fetch| ("input", format!("{}, {}", fetch.name, fetch.sha256));
            says.extend(fetched.iter().map(source));
            let secret = |secret: &SecretReference| {
                ("secret", format!("{}, {}", secret.name, secret_source(secret)))
            };
            says.extend(secrets.iter().map(secret));
        }
        ItemKind::Tree(tree) => says.extend(tree.nodes.iter().map(|(path, node)| {
            let what = match node {
                TreeNode::Directory => "a directory".to_owned(),
                TreeNode::File { file, mode } => format!("{mode:04o}, {}", file.digest.short()),
                TreeNode::Link { target } => format!("a link to {target}"),
            };
            ("has", format!("{path}: {what}"))
        })),
        ItemKind::System(SystemFact::Console(console)) => hash(console.hash.as_deref(), says),
        ItemKind::User { user, .. } => hash(user.password.as_deref(), says),
        _ => {}
    }
}

/// A password's hash is nobody's business in a report; that it is another is.
fn hash(hash: Option<&str>, says: &mut Vec<(&'static str, String)>) {
    says.retain(|(name, _)| *name != "password-hash");
    let digest = hash.map(|hash| Digest::of(hash.as_bytes()).short());
    says.extend(digest.map(|digest| ("password-hash", digest)));
}

/// Where a secret comes from; never what it is.
fn secret_source(secret: &SecretReference) -> String {
    match &secret.source {
        SecretSource::Age(file) => format!("age {}, {}", file.path, file.digest.short()),
        SecretSource::Environment { variable, version } => {
            format!("environment {variable}, version {version}")
        }
        SecretSource::File { path, version } => format!("file {path}, version {version}"),
    }
}

fn texts(kind: &ItemKind) -> BTreeMap<String, Content> {
    let source = |file: &SourceFile| Content::Source(file.clone());
    match kind {
        ItemKind::File { path, content, .. } => [(path.to_string(), content.clone())].into(),
        ItemKind::Unit { unit, content, drop_ins, .. } => {
            let own = content.iter().map(|text| (unit.clone(), text.clone()));
            let drop_ins = drop_ins
                .iter()
                .map(|DropIn { name, content }| (format!("{unit}.d/{name}"), content.clone()));
            own.chain(drop_ins).collect()
        }
        ItemKind::Run { script, inputs, .. } => {
            let inputs = inputs.iter().map(|(written, file)| (written.clone(), source(file)));
            std::iter::once((script.path.clone(), source(script))).chain(inputs).collect()
        }
        ItemKind::Tree(tree) => {
            let files = tree.nodes.iter().filter_map(|(path, node)| match node {
                TreeNode::File { file, .. } => Some((path.to_string(), source(file))),
                TreeNode::Directory | TreeNode::Link { .. } => None,
            });
            files.collect()
        }
        _ => BTreeMap::new(),
    }
}

/// What an image's node says beside its roles and items.
pub(super) fn facts(Compared { image, inspec, sources: _ }: &Compared<'_>) -> Vec<Said> {
    let mut found = vec![base(&image.base)];
    if let Some(kernel) = &image.kernel {
        let package = ("package", kernel.package.value.clone());
        let cmdline = ("cmdline", kernel.cmdline.clone().unwrap_or_default());
        found.push(said("kernel", "", vec![package, cmdline], &kernel.package.origin));
    }
    if let Some(output) = &image.output {
        let settings = &output.value;
        let says = vec![
            ("compress", format!("{:?}", settings.compression).to_lowercase()),
            ("level", settings.level.to_string()),
            ("allow-secrets", settings.allow_secrets.to_string()),
        ];
        found.push(said("output", &settings.format, says, &output.origin));
    }
    for profile in &image.profiles {
        found.push(said("controls", &profile.name, Vec::new(), &profile.origin));
        for control in &profile.controls {
            let name = format!("control {}/{}", control.profile, control.id);
            let fields = forge_plan::demands(control).into_iter();
            let says = fields.map(|field| {
                let what = field.name.strip_prefix(&name).unwrap_or(&field.name);
                let what = what.trim_start_matches(", ");
                (if what.is_empty() { "demands" } else { what }.to_owned(), field.value)
            });
            let subject = format!("{}/{}", control.profile, control.id);
            let node = said("control", &subject, Vec::new(), &control.origin);
            found.push(Said { says: says.collect(), ..node });
        }
    }
    found.extend(inspec.values().map(|profile| ruby(profile)));
    found.extend(image.waivers.iter().map(|waiver| {
        let Waiver { profile, control, by, because, until, run, origin } = waiver;
        let mut says =
            vec![("by", by.clone()), ("because", because.clone()), ("until", until.to_string())];
        if !run {
            says.push(("run", "#false".to_owned()));
        }
        said("waive", &format!("{profile}/{control}"), says, origin)
    }));
    for expected in &image.expect_failed {
        let because = vec![("because", expected.because.clone())];
        found.push(said("expect-failed", &expected.unit, because, &expected.origin));
    }
    found
}

/// A profile of `InSpec`: what is declared of it, and the texts of its files.
fn ruby(profile: &InspecProfile) -> Said {
    let InspecProfile { name, directory, files, inputs, skips, level, origin, .. } = profile;
    let mut says = vec![("inspec", directory.clone()), ("target", level.name().to_owned())];
    says.extend(inputs.iter().map(|input| ("input", format!("{} = {}", input.name, input.value))));
    says.extend(skips.iter().map(|skip| ("skip", format!("{}: {}", skip.control, skip.because))));
    says.extend(
        files.iter().map(|file| ("has", format!("{}, {}", file.path, file.digest.short()))),
    );
    let texts = files.iter().map(|file| (file.path.clone(), Content::Source(file.clone())));
    Said { texts: texts.collect(), ..said("controls", name, says, origin) }
}

fn base(base: &ResolvedBase) -> Said {
    let mut says = vec![("name", base.name.clone()), ("arch", base.arch.clone())];
    match &base.kind {
        BaseKind::Debian { sources, include, exclude_paths } => {
            says.push(("suite", sources.suite.clone()));
            says.push(("components", sources.components.join(" ")));
            says.push(("updates", sources.updates.to_string()));
            for (name, mirror) in [("mirror", &sources.mirror), ("security", &sources.security)] {
                says.extend(mirror.iter().map(|mirror| (name, mirror.name.clone())));
            }
            says.extend(include.iter().map(|name| ("include", name.value.clone())));
            says.extend(exclude_paths.iter().map(|path| ("exclude-paths", path.clone())));
        }
        BaseKind::Archive { source } => {
            says.push(("archive", format!("{}, {}", source.path, source.digest.short())));
        }
        BaseKind::Tree { directory, files } => {
            says.push(("tree", directory.clone()));
            says.extend(files.iter().map(|(path, file)| {
                let mode = if file.executable { "0755" } else { "0644" };
                ("has", format!("{path}: {mode}, {}", file.digest.short()))
            }));
        }
    }
    said("base", "", says, &base.origin)
}

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_model::{Digest, ImagePath, Mirror, PackageSources, SourceError};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node, quote};

use super::packages::is_package;
use super::{TextAt, bad_name, one_of};
use crate::context::Context;
use crate::{BaseKind, ResolvedBase, typo};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "base",
    doc: "What an image stands on. Exactly one of its child nodes says what it is made of.",
    args: &[Field::required("name", "name", "its name")],
    props: &[Field::default(
        "arch",
        "Debian's name of an architecture",
        "\"amd64\"",
        "the CPU; never taken from the builder",
    )],
    children: &[
        Child::new("doc", "what the base is for, in a line"),
        Child::new("debian", "a Debian tree, made by mmdebstrap"),
        Child::new("archive", "a tar archive of the project (plain, gzip or zstd)"),
        Child::new("tree", "a directory of the project, all owned by root")
            .takes("path in the project"),
    ],
    example: "base \"bookworm\" { debian suite=\"bookworm\" }",
};

pub(crate) const DEBIAN: NodeKind = NodeKind {
    name: "debian",
    doc: "A Debian tree: essential and required packages, and those named by `include`.",
    args: &[],
    props: &[
        Field::required("suite", "name", "`bookworm`"),
        Field::default(
            "variant",
            "\"minbase\"",
            "\"minbase\"",
            "which packages come by themselves",
        ),
        Field::optional(
            "mirror",
            "name of a `mirror`",
            "where packages come from; without it they are fetched as the builder's apt is configured",
        ),
        Field::optional("security", "name of a `mirror`", "where the security suite comes from"),
        Field::default("updates", "truth value", "#true", "the updates and security suites count"),
    ],
    children: &[
        Child::new("include", "packages beside the essential and required ones")
            .takes("package's name"),
        Child::new("exclude-paths", "patterns that dpkg leaves out, for this and later packages"),
        Child::new("components", "components of the archive, `main` alone without"),
    ],
    example: "",
};

pub(crate) const ARCHIVE: NodeKind = NodeKind {
    name: "archive",
    doc: "A tar archive of the project.",
    args: &[Field::required("path", "path in the project", "the archive")],
    props: &[Field::optional("blake3", "hash in hex", "what its content must hash to")],
    children: &[],
    example: "",
};

const ARCHITECTURES: [&str; 9] =
    ["amd64", "arm64", "armel", "armhf", "i386", "mips64el", "ppc64el", "riscv64", "s390x"];

#[derive(Debug)]
enum KindDecl {
    Debian(DebianDecl),
    Archive { path: TextAt, blake3: Option<Spanned<String>> },
    Tree { path: TextAt },
}

#[derive(Debug)]
struct DebianDecl {
    suite: Spanned<String>,
    components: Vec<String>,
    updates: bool,
    mirror: Option<Spanned<String>>,
    security: Option<Spanned<String>>,
    include: Vec<Spanned<String>>,
    exclude_paths: Vec<String>,
}

/// A declared base.
#[derive(Debug)]
pub(crate) struct BaseDecl {
    pub(crate) name: Spanned<String>,
    pub(crate) head: Span,
    pub(crate) doc: String,
    arch: &'static str,
    /// None after a reported mistake.
    kind: Option<KindDecl>,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<BaseDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg("name");
    let arch = one_of(&mut cursor, "arch", &ARCHITECTURES).map_or("amd64", |arch| arch.value);
    let doc = super::doc(&mut cursor, sink);
    let mut nodes = Vec::new();
    for kind in ["debian", "archive", "tree"] {
        nodes.extend(cursor.child(kind));
    }
    match nodes.as_slice() {
        [] if node.children.iter().all(|child| child.name.value == "doc") => cursor.report(
            Diagnostic::error(
                codes::SYNTAX_MISSING,
                "`base` does not say what it is made of",
            )
            .at(node.head, "")
            .help(
                "add `{ debian suite=\"bookworm\" }`, `{ archive \"FILE\" }` or `{ tree \"DIR\" }`",
            ),
        ),
        [first, again, ..] => cursor.report(
            Diagnostic::error(codes::SYNTAX_DUPLICATE, "a base is made of one thing")
                .at(again.head, "and again here")
                .and(first.head, "first here"),
        ),
        _ => {}
    }
    cursor.finish(sink);
    let kind = nodes.first().and_then(|node| match node.name.value.as_str() {
        "debian" => debian(node, sink).map(KindDecl::Debian),
        "archive" => archive(node, sink),
        _ => tree(node, sink),
    });
    Some(BaseDecl { name: name?, head: node.head, doc, arch, kind })
}

fn debian(node: &Node, sink: &mut Sink) -> Option<DebianDecl> {
    let mut cursor = Cursor::of(node, &DEBIAN);
    let suite: Option<Spanned<String>> = cursor.required_prop("suite");
    if let Some(suite) = &suite
        && !forge_param::is_name(&suite.value)
    {
        let headline = format!("`{}` is no name of a suite", suite.value);
        cursor.report(bad_name(suite.span, headline));
    } else if let Some(suite) = &suite
        && let Some(typo) = typo::suite(&suite.value, suite.span)
    {
        sink.push(typo.whole());
    }
    one_of(&mut cursor, "variant", &["minbase"]);
    let mirror = cursor.prop("mirror");
    let security = cursor.prop("security");
    let updates = cursor.prop::<bool>("updates").is_none_or(|value| value.value);
    let include = words(cursor.children("include"), "package's name", sink);
    for name in include.iter().filter(|name| !is_package(&name.value)) {
        let headline = format!("`{}` is no name of a package", name.value);
        cursor.report(bad_name(name.span, headline));
    }
    let exclude_paths = words(cursor.children("exclude-paths"), "pattern", sink);
    for pattern in exclude_paths.iter().filter(|pattern| !pattern.value.starts_with('/')) {
        cursor.report(
            Diagnostic::error(codes::SPEC_PATH, format!("`{}` matches nothing", pattern.value))
                .at(pattern.span, "dpkg's patterns begin with `/`"),
        );
    }
    let components = words(cursor.children("components"), "component", sink);
    cursor.finish(sink);
    let plain = |words: Vec<Spanned<String>>| words.into_iter().map(|word| word.value).collect();
    let mut components: Vec<String> = plain(components);
    if components.is_empty() {
        components.push("main".to_owned());
    }
    Some(DebianDecl {
        suite: suite?,
        components,
        updates,
        mirror,
        security,
        include,
        exclude_paths: plain(exclude_paths),
    })
}

fn words(nodes: Vec<&Node>, what: &str, sink: &mut Sink) -> Vec<Spanned<String>> {
    let mut words = Vec::new();
    for node in nodes {
        let mut below = Cursor::new(node);
        words.extend(below.some_args(what));
        below.finish(sink);
    }
    words
}

fn archive(node: &Node, sink: &mut Sink) -> Option<KindDecl> {
    let mut cursor = Cursor::of(node, &ARCHIVE);
    let path = cursor.arg("path");
    let blake3 = cursor.prop("blake3");
    cursor.finish(sink);
    Some(KindDecl::Archive { path: path?, blake3 })
}

fn tree(node: &Node, sink: &mut Sink) -> Option<KindDecl> {
    let mut cursor = Cursor::new(node);
    let path = cursor.arg("path");
    cursor.finish(sink);
    Some(KindDecl::Tree { path: path? })
}

impl BaseDecl {
    pub(crate) fn resolve(&self, cx: &mut Context<'_>) -> Option<ResolvedBase> {
        let kind = match self.kind.as_ref()? {
            KindDecl::Debian(debian) => debian.resolve(cx)?,
            KindDecl::Archive { path, blake3 } => {
                let source = cx.source(path)?;
                if let Some(wanted) = blake3 {
                    check_digest(cx, wanted, source.digest);
                }
                BaseKind::Archive { source }
            }
            KindDecl::Tree { path } => tree_files(cx, path)?,
        };
        let (name, arch) = (self.name.value.clone(), self.arch.to_owned());
        Some(ResolvedBase { name, origin: cx.origin(self.head), arch, kind })
    }
}

impl DebianDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<BaseKind> {
        let project = cx.project;
        let mut find = |name: &Option<Spanned<String>>| match name {
            None => Some(None),
            Some(name) => project.mirror(name, cx.sink).map(|mirror| {
                Some(Mirror { name: mirror.name.value.clone(), url: mirror.url.clone() })
            }),
        };
        let (mirror, security) = (find(&self.mirror), find(&self.security));
        let sources = PackageSources {
            suite: self.suite.value.clone(),
            components: self.components.clone(),
            updates: self.updates,
            mirror: mirror?,
            security: security?,
        };
        let include = self.include.iter().map(|name| cx.located(name.clone())).collect();
        Some(BaseKind::Debian { sources, include, exclude_paths: self.exclude_paths.clone() })
    }
}

fn check_digest(cx: &mut Context<'_>, wanted: &Spanned<String>, found: Digest) {
    let found = found.to_string();
    if wanted.value != found {
        cx.report(
            Diagnostic::error(codes::SPEC_HASH, "the archive has another hash")
                .at(wanted.span, "expected")
                .help(format!("if this is the archive that is meant, write \"{found}\""))
                .offer(wanted.span, quote(&found)),
        );
    }
}

fn tree_files(cx: &mut Context<'_>, text: &TextAt) -> Option<BaseKind> {
    let directory = cx.project_path(text)?;
    let entries = match cx.sources.list(&directory) {
        Ok(entries) => entries,
        Err(SourceError::NotFound) => {
            let headline = format!("`{directory}`: there is no such directory");
            cx.report(Diagnostic::error(codes::SPEC_SOURCE, headline).at(text.span, "named here"));
            return None;
        }
        Err(error) => {
            cx.report_source(text.span, &directory, &error);
            return None;
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        let below = entry.path.strip_prefix(&directory).unwrap_or(&entry.path);
        match (ImagePath::new(below), cx.stat(&entry.path)) {
            (Some(path), Ok(file)) => files.push((path, file)),
            (_, Err(error)) => cx.report_source(text.span, &entry.path, &error),
            (None, Ok(_)) => {}
        }
    }
    Some(BaseKind::Tree { directory, files })
}

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_model::{Fetch, ImagePath};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Node};

use super::mirror::is_url;
use super::{Declaration, OVERRIDE, TextAt, bad_name, bad_value};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "source",
    doc: "A file from elsewhere, known by its hash: it is fetched and checked before the steps that \
          use it. It stands at the top of a file, for the whole project, or in a role.",
    args: &[Field::required("name", "name", "what `unpack` and `input` call it")],
    props: &[
        Field::required(
            "url",
            "address",
            "`http://…` or `https://…`; where it comes from does not \
             count, what it is does",
        ),
        Field::required("sha256", "hash in hex", "what it must hash to"),
    ],
    children: &[],
    example: "source \"lmod\" url=\"https://mirror.example.org/lmod-8.7.tar.bz2\" sha256=\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
};

pub(crate) const UNPACK: NodeKind = NodeKind {
    name: "unpack",
    doc: "Unpacks a `source` that is a tar archive (plain, gzip, bzip2, xz or zstd) into a \
          directory of the image, before files are written. Times are those of every build, owners \
          are what is said here. A member that would leave the directory, a device and, without \
          `setuid=#true`, a file that runs as its owner are refused.",
    args: &[Field::required("source", "name of a `source`", "the archive")],
    props: &[
        Field::required("into", "absolute path", "the directory"),
        Field::default("strip", "whole number", "0", "components taken off each member's path"),
        Field::default("owner", "user's name", "\"root\"", "owner of everything in it"),
        Field::default("group", "group's name", "\"root\"", "group of everything in it"),
        Field::default("setuid", "truth value", "#false", "files may run as their owner or group"),
        OVERRIDE,
    ],
    children: &[],
    example: "unpack \"lmod\" into=\"/opt/lmod\" strip=1",
};

/// A declared source.
#[derive(Debug)]
pub(crate) struct SourceDecl {
    pub(crate) name: Spanned<String>,
    head: Span,
    url: TextAt,
    sha256: TextAt,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<SourceDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name: Option<Spanned<String>> = cursor.arg("name");
    if let Some(name) = &name
        && !forge_param::is_name(&name.value)
    {
        let headline = format!("`{}` is no name of a source", name.value);
        cursor.report(bad_name(name.span, headline).help("letters, digits, `.`, `_` and `-`"));
    }
    let url: Option<TextAt> = cursor.required_prop("url");
    let pinned = node
        .entries
        .iter()
        .any(|entry| entry.name.as_ref().is_some_and(|name| name.value == "sha256"));
    let sha256 = cursor.prop("sha256");
    if !pinned {
        let address = url.as_ref().map_or("URL", |url| &url.value.value);
        cursor.report(
            Diagnostic::error(codes::SYNTAX_MISSING, "`source` lacks `sha256=`")
                .at(node.head, "whatever stands there on the day of the build would be taken")
                .help(format!("add its hash: `curl -fsSL '{address}' | sha256sum`")),
        );
    }
    cursor.finish(sink);
    Some(SourceDecl { name: name?, head: node.head, url: url?, sha256: sha256? })
}

impl SourceDecl {
    pub(crate) fn resolve(&self, cx: &mut Context<'_>) -> Option<Fetch> {
        let (url, sha256) = (cx.text(&self.url), cx.text(&self.sha256));
        let (url, sha256) = (url?, sha256?.to_ascii_lowercase());
        let mut good = true;
        if !is_url(&url) || url.contains(char::is_control) {
            let headline = format!("`{url}` is no address of a file");
            cx.report(
                bad_value(self.url.span, headline, "here")
                    .help("it begins with https:// or http://"),
            );
            good = false;
        }
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let headline = "this is no SHA-256".to_owned();
            let label = format!("it has {} characters", sha256.chars().count());
            cx.report(bad_value(self.sha256.span, headline, &label).help("64 digits in hex"));
            good = false;
        }
        let (name, origin) = (self.name.value.clone(), cx.origin(self.head));
        good.then_some(Fetch { name, url, sha256, origin })
    }
}

#[derive(Debug)]
struct UnpackDecl {
    source: Spanned<String>,
    into: TextAt,
    strip: u32,
    owner: Option<TextAt>,
    group: Option<TextAt>,
    setuid: bool,
}

pub(crate) fn read_unpack(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let source = cursor.arg("source's name");
    let into = cursor.required_prop("into");
    let strip = cursor.prop::<u32>("strip").map_or(0, |strip| strip.value);
    let (owner, group) = (super::account(cursor, "owner"), super::account(cursor, "group"));
    let setuid = cursor.prop::<bool>("setuid").is_some_and(|value| value.value);
    let (source, into) = (source?, into?);
    Some(Box::new(UnpackDecl { source, into, strip, owner, group, setuid }))
}

impl Declaration for UnpackDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let source = cx.fetched(&self.source);
        let into = self.into(cx);
        let owner = account(cx, self.owner.as_ref());
        let group = account(cx, self.group.as_ref());
        Some(ItemKind::Unpack {
            source: source?,
            into: into?,
            strip: self.strip,
            owner: owner?,
            group: group?,
            setuid: self.setuid,
        })
    }
}

impl UnpackDecl {
    /// The image's root is a directory to unpack into like any other.
    fn into(&self, cx: &mut Context<'_>) -> Option<ImagePath> {
        if cx.text(&self.into)? == "/" {
            return Some(ImagePath::ROOT);
        }
        cx.image_path(&self.into)
    }
}

fn account(cx: &mut Context<'_>, text: Option<&TextAt>) -> Option<String> {
    let Some(text) = text else { return Some("root".to_owned()) };
    let name = cx.text(text)?;
    cx.check_account(text.span, &name).then_some(name)
}

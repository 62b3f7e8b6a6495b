use forge_diag::{Diagnostic, Span, Spanned, codes};
use forge_model::Content;
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::content::{self, ContentDecl};
use super::{BEFORE_PACKAGES, Declaration, ModeText, OVERRIDE, TextAt, before_packages, mode};
use crate::ItemKind;
use crate::context::Context;
use crate::written;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "file",
    doc: "A regular file of the image. Its content is exactly one of `content`, `source`, \
          `template` and `secret`; missing parent directories are made. It wins over a package's \
          own file of that path.",
    args: &[Field::required("path", "absolute path", "where in the image")],
    props: &[
        content::SOURCE,
        content::TEMPLATE,
        Field::optional("secret", "name of a `secret`", "the file holds the secret's value"),
        Field::default(
            "mode",
            "four octal digits in quotes",
            "\"0644\", \"0755\" for an executable source, \"0400\" for a secret",
            "permission bits",
        ),
        OWNER,
        GROUP,
        BEFORE_PACKAGES,
        OVERRIDE,
    ],
    children: &[content::CHILD],
    example: "file \"/etc/motd\" { content \"welcome to ${cluster}\" }",
};

/// `owner=`, as files and directories have it.
pub(crate) const OWNER: Field = Field::default("owner", "account's name", "\"root\"", "its owner");
/// `group=`, as files and directories have it.
pub(crate) const GROUP: Field = Field::default("group", "group's name", "\"root\"", "its group");

#[derive(Debug)]
enum Holds {
    Content(ContentDecl),
    Secret(Spanned<String>),
}

#[derive(Debug)]
struct FileDecl {
    path: TextAt,
    holds: Holds,
    mode: Option<Spanned<ModeText>>,
    owner: Option<TextAt>,
    group: Option<TextAt>,
    early: bool,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let head = cursor.head();
    let before = cursor.mistakes();
    let secret = cursor.prop::<String>("secret");
    let content = content::read(cursor);
    let holds = match (secret, content) {
        (Some(secret), None) => Some(Holds::Secret(secret)),
        (None, Some(content)) => Some(Holds::Content(content)),
        (Some(secret), Some(content)) => {
            cursor.report(content::twice(secret.span, content.span()));
            Some(Holds::Secret(secret))
        }
        (None, None) => {
            if path.is_some() && before == cursor.mistakes() {
                cursor.report(no_content(head));
            }
            None
        }
    };
    let mode = cursor.prop("mode");
    let owner = super::account(cursor, "owner");
    let group = super::account(cursor, "group");
    let early = before_packages(cursor);
    if let (Some(Holds::Secret(secret)), Some(early)) = (&holds, early) {
        cursor.report(
            Diagnostic::error(codes::SPEC_PHASE, "secrets are written last of all")
                .at(early, "this would be before the packages")
                .and(secret.span, "the secret"),
        );
    }
    let (path, holds, early) = (path?, holds?, early.is_some());
    Some(Box::new(FileDecl { path, holds, mode, owner, group, early }))
}

fn no_content(head: Span) -> Diagnostic {
    Diagnostic::error(codes::SYNTAX_MISSING, "`file` lacks its content")
        .at(head, "nothing says what it holds")
        .help("add `source=…`, `template=…`, `secret=…`, or `{ content \"…\" }`")
}

impl Declaration for FileDecl {
    fn is_early(&self) -> bool {
        self.early
    }

    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let path = cx.image_path(&self.path);
        let owner = owner(cx, self.owner.as_ref());
        let group = owner_group(cx, self.group.as_ref());
        match &self.holds {
            Holds::Content(decl) => {
                let content = decl.resolve(cx)?;
                let usual = match &content {
                    Content::Source(file) if file.executable => 0o755,
                    Content::Source(_) | Content::Text(_) => 0o644,
                };
                let mode = mode(cx, self.mode.as_ref(), usual);
                let path = path?;
                written::check(cx, &path, &content, decl);
                let (mode, owner, group) = (mode?, owner?, group?);
                Some(ItemKind::File { path, content, mode, owner, group })
            }
            Holds::Secret(name) => {
                let secret = cx.secret(name);
                let mode = mode(cx, self.mode.as_ref(), 0o400)?;
                if mode & 0o007 != 0 {
                    let span = self.mode.as_ref().map_or(name.span, |mode| mode.span);
                    let found = world_readable(span, name, mode);
                    let written = cx.map.slice(span) == quote(&format!("{mode:04o}"));
                    cx.report(if written {
                        found.offer(span, quote(&format!("{:04o}", mode & !0o007)))
                    } else {
                        found
                    });
                }
                let (path, owner, group) = (path?, owner?, group?);
                Some(ItemKind::SecretFile { path, secret: secret?, mode, owner, group })
            }
        }
    }
}

fn world_readable(span: Span, name: &Spanned<String>, mode: u32) -> Diagnostic {
    let found = Diagnostic::error(
        codes::SPEC_SECRET,
        format!("every account could use the secret `{}`", name.value),
    )
    .at(span, format!("the last digit of \"{mode:04o}\" is for everybody"))
    .help(format!("write \"{:04o}\"", mode & !0o007));
    if span == name.span { found } else { found.and(name.span, "the secret") }
}

/// An owner's name, `root` unless said.
pub(crate) fn owner(cx: &mut Context<'_>, owner: Option<&TextAt>) -> Option<String> {
    let Some(text) = owner else {
        return Some("root".to_owned());
    };
    let name = cx.text(text)?;
    cx.check_account(text.span, &name).then_some(name)
}

/// A group's name, `root` unless said.
pub(crate) fn owner_group(cx: &mut Context<'_>, group: Option<&TextAt>) -> Option<String> {
    owner(cx, group)
}

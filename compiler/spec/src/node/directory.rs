use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Spanned, codes};
use forge_model::{ImagePath, SourceError, SourceNode};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::file::{GROUP, OWNER, owner, owner_group};
use super::{
    BEFORE_PACKAGES, Declaration, ModeText, OVERRIDE, TextAt, bad_value, before_packages, mode,
};
use crate::context::Context;
use crate::{FileTree, ItemKind, TreeNode, written};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "directory",
    doc: "A directory of the image; one that is there gets this mode and owner. With `source` \
          everything below a directory of the project is copied into it: files, hidden ones too, \
          and links as they are, but nothing that git ignores. A file added there rebuilds this \
          role's files and nothing else.",
    args: &[Field::required("path", "absolute path", "where in the image")],
    props: &[
        Field::optional("source", "directory of the project", "what is copied into it"),
        Field::default("mode", "four octal digits in quotes", "\"0755\"", "permission bits"),
        Field::default(
            "file-mode",
            "four octal digits in quotes",
            "\"0644\", \"0755\" for an executable one",
            "permission bits of every copied file",
        ),
        Field::optional(
            "dir-mode",
            "four octal digits in quotes",
            "permission bits of every directory below; without it \"0755\" for those that are made, \
             and those that are there stay as they are",
        ),
        OWNER,
        GROUP,
        BEFORE_PACKAGES,
        OVERRIDE,
    ],
    children: &[],
    example: "directory \"/var/spool/slurmd\" owner=\"slurm\" group=\"slurm\"",
};

/// More entries than any directory that is kept in git beside specs. Larger ones are archives.
const MOST_NODES: usize = 65_536;

#[derive(Debug)]
struct DirectoryDecl {
    path: TextAt,
    source: Option<TextAt>,
    mode: Option<Spanned<ModeText>>,
    file_mode: Option<Spanned<ModeText>>,
    dir_mode: Option<Spanned<ModeText>>,
    owner: Option<TextAt>,
    group: Option<TextAt>,
    early: bool,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let source: Option<TextAt> = cursor.prop("source");
    let mode = cursor.prop("mode");
    let file_mode: Option<Spanned<ModeText>> = cursor.prop("file-mode");
    let dir_mode: Option<Spanned<ModeText>> = cursor.prop("dir-mode");
    for (name, given) in [("file-mode", &file_mode), ("dir-mode", &dir_mode)] {
        if let (None, Some(given)) = (&source, given) {
            let headline = format!("`{name}` needs `source`");
            cursor.report(
                bad_value(given.span, headline, "nothing is copied")
                    .help("the directory's own bits are its `mode`"),
            );
        }
    }
    let owner = super::account(cursor, "owner");
    let group = super::account(cursor, "group");
    let early = before_packages(cursor).is_some();
    let path = path?;
    let decl = DirectoryDecl { path, source, mode, file_mode, dir_mode, owner, group, early };
    Some(Box::new(decl))
}

impl Declaration for DirectoryDecl {
    fn is_early(&self) -> bool {
        self.early
    }

    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let path = cx.image_path(&self.path);
        let owner = owner(cx, self.owner.as_ref());
        let group = owner_group(cx, self.group.as_ref());
        let bits = mode(cx, self.mode.as_ref(), 0o755);
        let Some(source) = &self.source else {
            return Some(ItemKind::Directory {
                path: path?,
                mode: bits?,
                owner: owner?,
                group: group?,
            });
        };
        let dir_mode = match &self.dir_mode {
            Some(given) => Some(mode(cx, Some(given), 0o755)?),
            None => None,
        };
        // A copied file's own bit decides where nothing is said.
        let file_mode = match &self.file_mode {
            Some(given) => Some(mode(cx, Some(given), 0o644)?),
            None => None,
        };
        let directory = cx.project_path(source)?;
        let found = listed(cx, source, &directory)?;
        let path = path?;
        let nodes = nodes(cx, source, (&directory, &path), file_mode, found)?;
        let (mode, owner, group) = (bits?, owner?, group?);
        let source = directory;
        Some(ItemKind::Tree(FileTree { path, source, mode, dir_mode, owner, group, nodes }))
    }
}

/// What is to be copied.
fn listed(cx: &mut Context<'_>, source: &TextAt, directory: &str) -> Option<Vec<SourceNode>> {
    let found = match cx.sources.tree(directory) {
        Ok(found) => found,
        Err(SourceError::NotAFile) => {
            let headline = format!("`{directory}` is a file, not a directory");
            cx.report(
                Diagnostic::error(codes::SPEC_SOURCE, headline)
                    .at(source.span, "named here")
                    .help("write `file … source=…` for one file"),
            );
            return None;
        }
        Err(SourceError::NotFound) => {
            let headline = format!("`{directory}`: there is no such directory");
            let found = Diagnostic::error(codes::SPEC_SOURCE, headline);
            cx.report(found.at(source.span, "named here"));
            return None;
        }
        Err(error) => {
            cx.report_source(source.span, directory, &error);
            return None;
        }
    };
    let many = format!("`{directory}` holds more than {MOST_NODES} files");
    let (headline, help) = match found.len() {
        0 => (
            format!("`{directory}` holds no file"),
            "leave `source` away for an empty directory; what git ignores is not copied",
        ),
        count if count > MOST_NODES => {
            (many, "pack them: `source` and `unpack` take an archive by its hash")
        }
        _ => return Some(found),
    };
    cx.report(Diagnostic::error(codes::SPEC_SOURCE, headline).at(source.span, "here").help(help));
    None
}

/// The tree below `at`, with the directories on the way to its files.
fn nodes(
    cx: &mut Context<'_>,
    source: &TextAt,
    (directory, at): (&str, &ImagePath),
    file_mode: Option<u32>,
    found: Vec<SourceNode>,
) -> Option<BTreeMap<ImagePath, TreeNode>> {
    let mut nodes = BTreeMap::new();
    let mut good = true;
    for SourceNode { path, target } in found {
        let below = path.strip_prefix(directory).unwrap_or(&path).trim_start_matches('/');
        let place = ImagePath::new(format!("{at}/{below}"));
        let Some(place) = place.filter(|_| !below.contains(char::is_control)) else {
            let headline = format!("`{}` has a control character in its name", path.escape_debug());
            cx.report(
                Diagnostic::error(codes::SPEC_SOURCE, headline)
                    .at(source.span, "copied from here")
                    .help("rename it"),
            );
            good = false;
            continue;
        };
        let node = match target {
            Some(target) => TreeNode::Link { target },
            None => match cx.stat(&path) {
                Ok(file) => {
                    written::check_source(cx, &place, &path, source.span);
                    let usual = if file.executable { 0o755 } else { 0o644 };
                    TreeNode::File { mode: file_mode.unwrap_or(usual), file }
                }
                Err(error) => {
                    cx.report_source(source.span, &path, &error);
                    good = false;
                    continue;
                }
            },
        };
        let mut parent = place.parent();
        while let Some(above) = parent.filter(|above| above != at && above.starts_with(at)) {
            parent = above.parent();
            nodes.entry(above).or_insert(TreeNode::Directory);
        }
        nodes.insert(place, node);
    }
    good.then_some(nodes)
}

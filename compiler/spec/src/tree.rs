//! Directories of the project that are copied into an image.

use std::collections::BTreeMap;

use forge_model::{Content, ImagePath, SourceFile};

use crate::ItemKind;

/// A directory of the project, as an image has it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileTree {
    /// Where in the image.
    pub path: ImagePath,
    /// The directory, by its path in the project.
    pub source: String,
    /// Permission bits of the directory itself.
    pub mode: u32,
    /// Permission bits of the directories below it; where it is not said, those that are there
    /// stay as they are.
    pub dir_mode: Option<u32>,
    /// Owner's name of everything.
    pub owner: String,
    /// Group's name of everything.
    pub group: String,
    /// What is below it, by its path in the image.
    pub nodes: BTreeMap<ImagePath, TreeNode>,
}

/// Something in a directory that is copied.
#[derive(Clone, Debug, PartialEq)]
pub enum TreeNode {
    /// A directory on the way to a file.
    Directory,
    /// A file.
    File {
        /// The file.
        file: SourceFile,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link, as it is.
    Link {
        /// Where it points.
        target: String,
    },
}

impl FileTree {
    /// The item that would declare what the tree has at a path; none for a directory that only
    /// has to be there.
    pub(crate) fn at(&self, path: &ImagePath) -> Option<ItemKind> {
        let directory = |mode| {
            let (path, owner, group) = (path.clone(), self.owner.clone(), self.group.clone());
            ItemKind::Directory { path, mode, owner, group }
        };
        if *path == self.path {
            return Some(directory(self.mode));
        }
        Some(match self.nodes.get(path)? {
            TreeNode::Directory => directory(self.dir_mode?),
            TreeNode::File { file, mode } => ItemKind::File {
                path: path.clone(),
                content: Content::Source(file.clone()),
                mode: *mode,
                owner: self.owner.clone(),
                group: self.group.clone(),
            },
            TreeNode::Link { target } => {
                ItemKind::Link { path: path.clone(), target: target.clone() }
            }
        })
    }

    /// The paths that the tree declares.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &ImagePath> {
        let below = self
            .nodes
            .iter()
            .filter(|(_, node)| self.dir_mode.is_some() || !matches!(node, TreeNode::Directory));
        std::iter::once(&self.path).chain(below.map(|(path, _)| path))
    }
}

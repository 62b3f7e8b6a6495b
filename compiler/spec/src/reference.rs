//! The tables of all node kinds, for the language reference.

use forge_syntax::reference::NodeKind;

use crate::node::{
    base, content, expect_failed, fetched, image, kernel, mirror, output, role, secret,
};
use crate::{levels, node, project};

/// The kinds that may stand at the top of a file.
pub fn top_level() -> Vec<&'static NodeKind> {
    vec![
        &project::PROJECT,
        &levels::KIND,
        &mirror::KIND,
        &base::KIND,
        &secret::KIND,
        &fetched::KIND,
        &role::KIND,
        &image::KIND,
    ]
}

/// The kinds that may stand in a role's or an image's body.
pub fn body() -> Vec<&'static NodeKind> {
    node::statement_kinds().collect()
}

/// The kinds that stand in one other kind alone: that kind's name and the table.
pub fn inner() -> Vec<(&'static str, &'static NodeKind)> {
    vec![
        ("base", &base::DEBIAN),
        ("base", &base::ARCHIVE),
        ("role", &forge_param::KIND),
        ("file", &content::KIND),
        ("image", &kernel::KIND),
        ("image", &output::KIND),
        ("image", &expect_failed::KIND),
    ]
}

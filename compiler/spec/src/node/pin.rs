use forge_diag::{Diagnostic, Spanned, codes};
use forge_model::PinTo;
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::packages::is_package;
use super::{Declaration, OVERRIDE, TextAt, bad_value};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "pin",
    doc: "Prefers some versions of a package (apt_preferences(5)), for the packages of its role \
          and of later ones, and in the image. Exactly one of `version=` and `release=` says which.",
    args: &[Field::required(
        "package",
        "package's name or pattern",
        "which packages; `*` and `?` stand for any characters and for one",
    )],
    props: &[
        Field::optional("version", "version or pattern", "the versions, `23.11.*`"),
        Field::optional(
            "release",
            "text",
            "the releases, in apt's words: `n=bookworm-backports`, `o=Site`",
        ),
        Field::required(
            "priority",
            "whole number",
            "from 1 to 32767, or below 0 for never; above 1000 a version is taken even if it is \
             older",
        ),
        OVERRIDE,
    ],
    children: &[],
    example: "pin \"slurm-client\" version=\"23.11.*\" priority=1001",
};

pub(crate) const HOLD: NodeKind = NodeKind {
    name: "hold",
    doc: "Keeps packages at the version that they have: no package of a later role changes them, \
          and dpkg of the image is told the same. Something must have installed them by then.",
    args: &[Field::required("package", "package's name", "one or more")],
    props: &[OVERRIDE],
    children: &[],
    example: "hold \"linux-image-amd64\"",
};

#[derive(Debug)]
struct PinDecl {
    package: TextAt,
    version: Option<TextAt>,
    release: Option<TextAt>,
    priority: Spanned<i32>,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let package = cursor.arg("package");
    let mistakes = cursor.mistakes();
    let version: Option<TextAt> = cursor.prop("version");
    let release: Option<TextAt> = cursor.prop("release");
    let read = cursor.mistakes() == mistakes;
    let priority: Option<Spanned<i32>> = cursor.required_prop("priority");
    match (&version, &release) {
        (Some(version), Some(release)) => cursor.report(
            Diagnostic::error(codes::SYNTAX_DUPLICATE, "a pin is of versions or of a release")
                .at(release.span, "and a release here")
                .and(version.span, "versions here"),
        ),
        (None, None) if read => {
            let head = cursor.head();
            cursor.report(
                Diagnostic::error(codes::SYNTAX_MISSING, "`pin` does not say which versions")
                    .at(head, "")
                    .help("add version=\"23.11.*\" or release=\"n=SUITE\""),
            );
        }
        _ => {}
    }
    let (package, priority) = (package?, priority?);
    // apt keeps a priority in 16 bits and takes none of 0.
    if priority.value == 0 || i16::try_from(priority.value).is_err() {
        cursor.report(
            bad_value(priority.span, "apt has no such priority", "here")
                .help("from 1 to 32767, or below 0: -1 keeps a package out"),
        );
        return None;
    }
    Some(Box::new(PinDecl { package, version, release, priority }))
}

impl Declaration for PinDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let package = cx.text(&self.package)?;
        if !is_package_pattern(&package) {
            let headline = format!("`{package}` is no name of a package");
            cx.report(bad_value(self.package.span, headline, "here"));
            return None;
        }
        let to = if let Some(text) = &self.version {
            PinTo::Version(one_line(cx, text, "version")?)
        } else {
            PinTo::Release(one_line(cx, self.release.as_ref()?, "release")?)
        };
        Some(ItemKind::Pin { package, to, priority: self.priority.value })
    }
}

fn is_package_pattern(name: &str) -> bool {
    let plain = name.replace(['*', '?'], "");
    is_package(name) || (plain.len() < name.len() && (plain.is_empty() || is_package(&plain)))
}

fn one_line(cx: &mut Context<'_>, text: &TextAt, what: &str) -> Option<String> {
    let value = cx.text(text)?;
    if !value.trim().is_empty() && !value.contains(char::is_control) {
        return Some(value);
    }
    cx.report(bad_value(text.span, format!("a {what} is one line"), "here"));
    None
}

#[derive(Debug)]
struct HoldDecl {
    packages: Vec<TextAt>,
}

pub(crate) fn read_hold(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let packages: Vec<TextAt> = cursor.some_args("package's name");
    (!packages.is_empty()).then(|| Box::new(HoldDecl { packages }) as Box<dyn Declaration>)
}

impl Declaration for HoldDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let mut packages = Vec::new();
        for name in cx.texts(&self.packages) {
            if is_package(&name.value) {
                packages.push(name.value);
            } else {
                let headline = format!("`{}` is no name of a package", name.value);
                cx.report(bad_value(name.span, headline, "here"));
            }
        }
        (!packages.is_empty()).then_some(ItemKind::Hold { packages })
    }
}

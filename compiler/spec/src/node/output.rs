use forge_diag::{Sink, Span, Spanned};
use forge_model::{Compression, OutputSettings};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Node, quote};

use super::{bad_value, one_of};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "output",
    doc: "How the image is packed.",
    args: &[Field::required("format", "\"initramfs\"", "the whole image as an initramfs")],
    props: &[
        Field::default("compress", "\"gzip\" or \"zstd\"", "\"gzip\"", "the codec"),
        Field::optional(
            "level",
            "whole number",
            "1 to 9 for gzip (6 without), 1 to 19 for zstd (9 without)",
        ),
        Field::default(
            "allow-secrets",
            "truth value",
            "#false",
            "an image that delivers a secret may be packed",
        ),
    ],
    children: &[],
    example: "output \"initramfs\" compress=\"zstd\" level=9",
};

/// A declared output.
#[derive(Clone, Debug)]
pub(crate) struct OutputDecl {
    pub(crate) head: Span,
    pub(crate) settings: OutputSettings,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<OutputDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let format: Option<Spanned<String>> = cursor.arg("format");
    if let Some(format) = &format
        && format.value != "initramfs"
    {
        let headline = format!("`{}` is no format of an output", format.value);
        cursor.report(
            bad_value(format.span, headline, "not known")
                .help("write \"initramfs\"")
                .mend(format.span, quote("initramfs")),
        );
    }
    let compression = match one_of(&mut cursor, "compress", &["gzip", "zstd"]) {
        Some(word) if word.value == "zstd" => Compression::Zstd,
        Some(_) | None => Compression::Gzip,
    };
    let (usual, greatest) = match compression {
        Compression::Gzip => (6, 9),
        Compression::Zstd => (9, 19),
    };
    let level = cursor.prop::<i32>("level");
    if let Some(level) = level
        && !(1..=greatest).contains(&level.value)
    {
        let headline = format!("{} has levels from 1 to {greatest}", compression.name());
        cursor.report(bad_value(level.span, headline, "out of range"));
    }
    let allow_secrets = cursor.prop::<bool>("allow-secrets").is_some_and(|value| value.value);
    cursor.finish(sink);
    let settings = OutputSettings {
        format: format?.value,
        compression,
        level: level.map_or(usual, |level| level.value),
        allow_secrets,
    };
    Some(OutputDecl { head: node.head, settings })
}

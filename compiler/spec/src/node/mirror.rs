use forge_diag::{Sink, Spanned};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node};

use super::bad_value;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "mirror",
    doc: "An address from which packages are fetched. Images and reports name the mirror, never \
          the address of the machine that built them.",
    args: &[Field::required("name", "name", "its name")],
    props: &[],
    children: &[Child::new("url", "its address, `http://…` or `https://…`")],
    example: "mirror \"debian\" { url \"https://mirror.example.org/debian\" }",
};

/// A declared mirror.
#[derive(Debug)]
pub(crate) struct MirrorDecl {
    pub(crate) name: Spanned<String>,
    pub(crate) url: String,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<MirrorDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg("name");
    let url = cursor.one("url").and_then(|node| {
        let mut below = Cursor::new(node);
        let url: Option<Spanned<String>> = below.arg("address");
        if let Some(url) = &url
            && !is_url(&url.value)
        {
            let headline = format!("`{}` is no address of a mirror", url.value);
            below.report(
                bad_value(url.span, headline, "here").help("it begins with https:// or http://"),
            );
        }
        below.finish(sink);
        url
    });
    cursor.finish(sink);
    let (name, url) = (name?, url?);
    Some(MirrorDecl { name, url: url.value.trim_end_matches('/').to_owned() })
}

pub(crate) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

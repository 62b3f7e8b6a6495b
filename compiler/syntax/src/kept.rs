//! Nodes as bytes, so that a text that was read once need not be parsed again.
//!
//! Only texts without a finding are kept: what is wrong is found anew each time.

use forge_diag::{FileId, Span};

use crate::Node;

/// Rises with every change of what a text is read as, or of the bytes.
pub const KEPT_VERSION: u32 = 1;

/// The nodes of a text as bytes; none when they cannot be written.
pub fn keep(nodes: &[Node]) -> Option<Vec<u8>> {
    postcard::to_stdvec(nodes).ok()
}

/// The nodes that [`keep`] wrote, as those of `file`. None for other bytes: the text is parsed then.
pub fn recall(file: FileId, bytes: &[u8]) -> Option<Vec<Node>> {
    let mut nodes: Vec<Node> = postcard::from_bytes(bytes).ok()?;
    for node in &mut nodes {
        node.move_to(file);
    }
    Some(nodes)
}

impl Node {
    fn move_to(&mut self, file: FileId) {
        let place = |span: &mut Span| span.file = file;
        for span in [&mut self.name.span, &mut self.head, &mut self.span] {
            place(span);
        }
        for entry in &mut self.entries {
            place(&mut entry.span);
            if let Some(name) = &mut entry.name {
                place(&mut name.span);
            }
        }
        for child in &mut self.children {
            child.move_to(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use forge_diag::{Sink, SourceMap};

    use super::*;

    const TEXT: &str =
        "a \"x\" b=#\"y\"# c=-12 d=1.50 {\n  e #true #null\n  f \"\"\"\n    é\n    \"\"\"\n}\n";

    #[test]
    fn nodes_come_back_as_they_were() {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        crate::load("other.kdl", b"", &mut map, &mut sink);
        let file = crate::load("a.kdl", TEXT.as_bytes(), &mut map, &mut sink).unwrap();
        let nodes = crate::parse(file, TEXT, &mut sink).unwrap();
        let bytes = keep(&nodes).unwrap();
        assert_eq!(format!("{:?}", recall(file, &bytes).unwrap()), format!("{nodes:?}"));
        for cut in 0..bytes.len() {
            // Whatever is left of them, it is an answer.
            let _part = recall(file, &bytes[..cut]);
        }
    }
}

//! Braces wherever they stand.
//!
//! After a mistake, kdl 6.7.1 may take the inside of a quoted text for nodes, and then recurses for
//! each brace in it. So braces are counted without regard to quotes too, with a bound that no text of
//! a file in a spec comes near. Comments have none any more when they are counted.

use forge_diag::{Diagnostic, FileId, Span, codes};

/// Open braces that stand in each other; a debug build on a 2 MiB thread bears 64.
const BRACES: usize = 48;
/// Of these, blocks with a `/-` before them: time doubles with each.
const SLASHDASHED: usize = 12;

/// The first brace that is one too deep.
pub(super) fn too_deep(file: FileId, text: &str) -> Option<Diagnostic> {
    let bytes = text.as_bytes();
    let mut open: Vec<bool> = Vec::new();
    let mut slashdashed = 0;
    let mut pending = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'/' if bytes.get(at + 1) == Some(&b'-') => pending = true,
            b'{' => {
                open.push(pending);
                slashdashed += usize::from(pending);
                pending = false;
                if open.len() > BRACES || slashdashed > SLASHDASHED {
                    let headline = "braces in quoted text are nested too deep to be read safely";
                    return Some(
                        Diagnostic::error(codes::SYNTAX_DEPTH, headline)
                            .at(Span::new(file, at, at + 1), "one too many")
                            .help("move the text to a file of its own, and name it by `source=`"),
                    );
                }
            }
            b'}' => {
                slashdashed -= usize::from(open.pop().unwrap_or_default());
                pending = false;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use forge_diag::{Sink, SourceMap};

    fn found(text: &str) -> Vec<&'static str> {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let file = map.add("a.kdl", text);
        crate::parse(file, text, &mut sink);
        sink.into_sorted().iter().map(|found| found.code.name).collect()
    }

    #[test]
    fn what_error_recovery_would_read_as_blocks_is_refused() {
        let begins =
            ["a\"{", "a\"b\"c\"{", "=\"{", "a \"\\q {", "a \"\"\" {", "a #x\"{", "a \"b\"c\"{"];
        for begin in begins {
            for block in [" b {", " /- b {", " /-{"] {
                let found = found(&format!("{begin}{}\"\n", block.repeat(5000)));
                assert!(!found.is_empty(), "{begin} {block}");
            }
        }
    }

    #[test]
    fn braces_of_comments_are_no_blocks() {
        for comment in ["// \" {\n", "/* { */ ", "// /- {\n", "/* /* \" /-{ */ */\n"] {
            assert_eq!(found(&comment.repeat(5000)), [""; 0], "{comment}");
            let mistaken = format!("a\"{{\n{}", comment.repeat(5000));
            assert!(!found(&mistaken).is_empty(), "{comment}");
        }
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let text = "a \"// {\" /* { */ #\"/*{\"# // {\n";
        let nodes = crate::parse(map.add("a.kdl", text), text, &mut sink).unwrap();
        assert!(format!("{nodes:?}").contains("// {") && format!("{nodes:?}").contains("/*{"));
    }

    #[test]
    fn braces_of_a_text_are_no_blocks() {
        for text in ["{".repeat(40), "{}".repeat(5000), "/- {".repeat(8)] {
            assert_eq!(found(&format!("a \"{text}\"")), [""; 0], "{text}");
        }
    }
}

use std::rc::Rc;

use lib_ruby_parser::{ErrorLevel, Parser, ParserOptions};

use super::lower::Lowering;
use super::{At, Kind, Node};

/// The largest file that is parsed, in bytes. The largest of 3,090 public control files has 58,000.
const MAX_FILE: usize = 1 << 20;

/// Stack that a parser and its tree may need for each byte of a file, however deeply it nests:
/// dropping a node takes some hundred bytes, and the shortest node has one byte.
const STACK_PER_BYTE: usize = 1024;

/// Stack that any file needs.
const STACK: usize = 1 << 20;

/// A file of a profile.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Its path as reports name it.
    pub(crate) name: Rc<str>,
    /// Its text.
    pub(crate) text: Rc<str>,
    /// Its statements; or why they cannot be read, and the line.
    pub(crate) program: Result<Rc<Node>, (String, u32)>,
}

/// Parses a file; `file` is its number in the run.
pub(crate) fn parse(name: &str, bytes: &[u8], file: u32) -> SourceFile {
    let failed = |why: String, line: u32, text: &str| SourceFile {
        name: name.into(),
        text: text.into(),
        program: Err((why, line)),
    };
    if bytes.len() > MAX_FILE {
        let why = format!("the file has {} bytes, more than the {MAX_FILE} allowed", bytes.len());
        return failed(why, 1, "");
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = line_of(&bytes[..error.valid_up_to()]);
            return failed("the file is not UTF-8".to_owned(), line, "");
        }
    };
    // A text of brackets nests as deeply as it is long, and neither the parser nor the drop of
    // its tree counts levels: it gets the stack that the text can need at most.
    let program = stacker::grow(STACK + text.len() * STACK_PER_BYTE, || program(text, file));
    match program {
        Ok(program) => {
            SourceFile { name: name.into(), text: text.into(), program: Ok(Rc::new(program)) }
        }
        Err((why, line)) => failed(why, line, text),
    }
}

fn program(text: &str, file: u32) -> Result<Node, (String, u32)> {
    let options = ParserOptions { buffer_name: String::new(), decoder: None, record_tokens: false };
    let result = Parser::new(text.as_bytes().to_vec(), options).do_parse();
    let broken = result.diagnostics.iter().find(|found| found.level == ErrorLevel::Error);
    if let Some(error) = broken {
        let line = line_of(&text.as_bytes()[..error.loc.begin.min(text.len())]);
        return Err((error.render_message(), line));
    }
    let nothing = Node { kind: Kind::Nil, at: At { file, line: 1 } };
    let Some(ast) = result.ast else { return Ok(nothing) };
    Ok(Lowering::new(text, file).program(&ast))
}

/// The line of the byte after these.
pub(super) fn line_of(before: &[u8]) -> u32 {
    let newlines = before.split(|byte| *byte == b'\n').count() - 1;
    u32::try_from(newlines).unwrap_or(u32::MAX).saturating_add(1)
}

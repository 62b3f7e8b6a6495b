//! Tokens in lines and blocks, as they were written.

use super::lex::{Kind, Token};
use crate::guard::is_newline;

/// What stands between braces, or a whole document.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    /// A comment behind the opening brace.
    pub(super) comment: Option<&'a str>,
    pub(super) lines: Vec<Line<'a>>,
    /// It was written without a line end.
    pub(super) one_line: bool,
}

/// A node with what stands beside it, or a comment alone.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    /// An empty line was left before it.
    pub(super) apart: bool,
    pub(super) parts: Vec<Part<'a>>,
    /// The `//` at its end.
    pub(super) comment: Option<&'a str>,
}

/// A piece of a line.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Token(Kind, &'a str),
    Block(Block<'a>),
    /// A line end inside of a node, with a comment before it.
    Break {
        /// A `\` stands there.
        continued: bool,
        comment: Option<&'a str>,
    },
}

impl Part<'_> {
    fn is_comment(&self) -> bool {
        matches!(self, Self::Token(Kind::BlockComment, _))
    }
}

/// Reads tokens of a text that is known to be KDL.
pub(super) struct Reader<'t, 'a> {
    text: &'a str,
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'t, 'a> Reader<'t, 'a> {
    pub(super) fn new(text: &'a str, tokens: &'t [Token<'a>]) -> Self {
        Self { text, tokens, at: 0 }
    }

    /// All lines.
    pub(super) fn document(mut self) -> Block<'a> {
        let mut block = self.block();
        block.one_line = false;
        block
    }

    /// The next token, when it is of this kind.
    fn take(&mut self, kind: Kind) -> Option<&'a str> {
        let token = self.tokens.get(self.at).filter(|token| token.kind == kind)?;
        self.at += 1;
        Some(token.text)
    }

    /// To the closing brace, which is taken too.
    fn block(&mut self) -> Block<'a> {
        let mut block = Block::default();
        let start = self.tokens.get(self.at).map_or(0, |token| token.at);
        let mut end = self.text.len();
        if self.at > 0 {
            block.comment = self.take(Kind::LineComment);
        }
        loop {
            let mut ends = 0;
            while self.take(Kind::Newline).is_some() {
                ends += 1;
            }
            let Some(token) = self.tokens.get(self.at) else { break };
            if token.kind == Kind::Close {
                end = token.at;
                self.at += 1;
                break;
            }
            let before = self.at;
            let mut line = self.line();
            line.apart = ends > 1 && !block.lines.is_empty();
            if !line.parts.is_empty() || line.comment.is_some() {
                block.lines.push(line);
            }
            // Nothing may stand still, whatever the parser let through.
            self.at = self.at.max(before + 1);
        }
        let inside = self.text.get(start..end).unwrap_or_default();
        block.one_line = block.comment.is_none() && !inside.contains(is_newline);
        block
    }

    fn line(&mut self) -> Line<'a> {
        let mut line = Line::default();
        while let Some(token) = self.tokens.get(self.at) {
            let pending = matches!(
                line.parts
                    .iter()
                    .rev()
                    .find(|part| !part.is_comment() && !matches!(part, Part::Break { .. })),
                Some(Part::Token(Kind::Slashdash, _))
            );
            match token.kind {
                Kind::Newline if pending => self.at += 1,
                Kind::LineComment if pending => {
                    self.at += 1;
                    line.parts.push(Part::Break { continued: false, comment: Some(token.text) });
                }
                Kind::Newline | Kind::Close => break,
                Kind::LineComment => {
                    self.at += 1;
                    line.comment = Some(token.text);
                    break;
                }
                Kind::Semicolon => {
                    self.at += 1;
                    self.behind(&mut line);
                    break;
                }
                Kind::Continue => {
                    self.at += 1;
                    let comment = self.take(Kind::LineComment);
                    self.take(Kind::Newline);
                    line.parts.push(Part::Break { continued: true, comment });
                }
                Kind::Open => {
                    self.at += 1;
                    line.parts.push(Part::Block(self.block()));
                }
                kind => {
                    self.at += 1;
                    line.parts.push(Part::Token(kind, token.text));
                }
            }
        }
        trim(&mut line.parts);
        line
    }

    /// Comments behind a `;` on the same line belong to what stands before it.
    fn behind(&mut self, line: &mut Line<'a>) {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let comments = rest.iter().take_while(|token| token.kind == Kind::BlockComment).count();
        let next = rest.get(comments).map(|token| token.kind);
        if matches!(next, None | Some(Kind::Newline | Kind::LineComment | Kind::Close)) {
            let found = rest.iter().take(comments);
            line.parts.extend(found.map(|token| Part::Token(token.kind, token.text)));
            self.at += comments;
            line.comment = self.take(Kind::LineComment);
        }
    }
}

/// Takes away continuations that continue nothing.
fn trim(parts: &mut Vec<Part<'_>>) {
    let idle = |part: &Part<'_>| matches!(part, Part::Break { continued: true, comment: None });
    while parts.last().is_some_and(idle) {
        parts.pop();
    }
    while parts.first().is_some_and(idle) {
        parts.remove(0);
    }
}

//! How deep a template is nested. The template engine bounds brackets and blocks, but not what it
//! reads in a loop and then walks by recursion: `a ~ b ~ c`, `a | f | g`, `a.b.c`, `not not a`, or
//! one `elif` after another. A hundred thousand of them would end the program, not the run.

use std::ops::Range;

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// Tokens that may stand in each other; some 500 operators in one expression.
pub(super) const MOST: usize = 1000;

/// What stands between two brackets: an element, up to the next comma, is at most as deep as it has
/// tokens, and what its own brackets hold.
#[derive(Default)]
struct Level {
    tokens: usize,
    within: usize,
    deepest: usize,
}

impl Level {
    fn end_element(&mut self) {
        self.deepest = self.deepest.max(self.tokens + self.within);
        (self.tokens, self.within) = (0, 0);
    }
}

/// The place of the expression that is nested deeper than [`MOST`], or of the `elif` too many.
pub(super) fn too_deep(text: &str, syntax: SyntaxConfig) -> Option<Range<usize>> {
    let mut levels: Vec<Level> = Vec::new();
    let (mut start, mut end) = (0, 0);
    let (mut alternatives, mut is_first) = (0, false);
    for token in tokenize(text, false, syntax) {
        // What stands before the mistake was read all the same.
        let Ok((token, span)) = token else { break };
        match token {
            Token::TemplateData(_) => {}
            Token::VariableStart | Token::BlockStart => {
                start = place(span).start;
                levels.push(Level::default());
            }
            Token::VariableEnd | Token::BlockEnd => {
                if close(&mut levels, 0) + alternatives > MOST {
                    return Some(start..end);
                }
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                levels.push(Level::default());
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                // A bracket that closes nothing is the parser's to refuse.
                let innermost = levels.len().saturating_sub(1).max(1);
                let within = close(&mut levels, innermost);
                if let Some(level) = levels.last_mut() {
                    level.within = level.within.max(within);
                    level.tokens += 1;
                }
            }
            Token::Comma => levels.last_mut().into_iter().for_each(Level::end_element),
            Token::Ident("elif") if is_first => alternatives += 1,
            _ => levels.last_mut().into_iter().for_each(|level| level.tokens += 1),
        }
        is_first = matches!(token, Token::BlockStart);
        end = place(span).end;
    }
    (close(&mut levels, 0) + alternatives > MOST).then_some(start..end)
}

/// Ends the levels from `first` on, and tells how deep the outermost of them is.
fn close(levels: &mut Vec<Level>, first: usize) -> usize {
    levels.drain(first.min(levels.len())..).rev().fold(0, |within, mut level| {
        level.within = level.within.max(within);
        level.end_element();
        level.deepest
    })
}

fn place(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_too_deep(text: &str) -> bool {
        too_deep(text, SyntaxConfig::default()).is_some()
    }

    #[test]
    fn what_the_engine_walks_by_recursion_has_a_bound() {
        for (begin, again, end) in [
            ("{{ a", "~a", " }}"),
            ("{{ a", " ** a", " }}"),
            ("{{ a", "|upper", " }}"),
            ("{{ a", ".b", " }}"),
            ("{{ a", "[0]", " }}"),
            ("{{ a", "()", " }}"),
            ("{{ a", "(1, 2)", " }}"),
            ("{{ ", "not ", "a }}"),
            ("{{ ", "-", "1 }}"),
            ("{{ ", "1 if 1 else ", "1 }}"),
            ("{{ 1", " is defined", " }}"),
            ("{% if a %}", "{% elif a %}", "{% endif %}"),
            ("{% set a", ".b", " = 1 %}"),
            ("{% filter upper", "|upper", " %}{% endfilter %}"),
            // Not ended, and with a mistake behind it.
            ("{{ a", "~a", ""),
            ("{{ (a", "~a", " }}"),
            ("{{ a", "~a", " \u{1} }}"),
        ] {
            let text = |times| format!("x {{{{ a }}}} {begin}{}{end}", again.repeat(times));
            assert!(!is_too_deep(&text(50)), "{again} is refused");
            assert!(is_too_deep(&text(1001)), "{again} is taken");
        }
    }

    #[test]
    fn nesting_adds_up() {
        let inner = "(".repeat(100) + "a" + &"~a)".repeat(100);
        assert!(!is_too_deep(&format!("{{{{ {inner} }}}}")));
        let steep = "(".repeat(100) + "a" + &("~a".repeat(10) + ")").repeat(100);
        assert!(is_too_deep(&format!("{{{{ {steep} }}}}")));
    }

    #[test]
    fn what_is_long_is_not_deep() {
        let list = format!("{{% set a = [{}] %}}", "'n' ~ 1, ".repeat(5000));
        let calls = format!("{{{{ f({}) }}}}", "a=[1, {b: 2}], ".repeat(5000));
        let plain = "a ~ b.c | d [{( ".repeat(5000);
        let raw = format!("{{% raw %}}{{{{ {} }}}}{{% endraw %}}", "~a".repeat(5000));
        let many = "{{ a ~ b }}{% if a %}{% endif %}".repeat(5000);
        for text in [list, calls, plain, raw, many] {
            assert!(!is_too_deep(&text), "{}", &text[..40]);
        }
    }

    #[test]
    fn the_place_is_that_of_the_expression() {
        let expression = format!("{{{{ a{} }}}}", "~a".repeat(600));
        let text = format!("é {{{{ b }}}} {expression} {{{{ c }}}}");
        let place = too_deep(&text, SyntaxConfig::default()).expect("too deep");
        assert_eq!(&text[place], expression.trim_end_matches(" }}"));
    }
}

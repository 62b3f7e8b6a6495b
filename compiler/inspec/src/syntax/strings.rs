use std::rc::Rc;

use lib_ruby_parser::{Node as Ast, nodes};

use super::lower::Lowering;
use super::{Kind, Node};
use crate::pattern::Pattern;

impl Lowering {
    pub(super) fn literal(&mut self, ast: &Ast) -> Kind {
        match ast {
            Ast::Int(int) => match integer(&int.value) {
                Some(value) => Kind::Int(value),
                None => Kind::Unsupported("a number of more than 64 bits"),
            },
            Ast::Float(float) => match float.value.replace('_', "").parse() {
                Ok(value) => Kind::Float(value),
                Err(_) => Kind::Unsupported("this number"),
            },
            Ast::Str(text) => Kind::Str(text.value.to_string_lossy().into()),
            Ast::Sym(name) => Kind::Sym(name.name.to_string_lossy().into()),
            Ast::Dstr(text) => self.joined(&text.parts),
            Ast::Heredoc(text) => self.joined(&text.parts),
            Ast::Dsym(name) => Kind::JoinSym(self.all(&name.parts)),
            Ast::Regexp(regex) => self.regex(regex),
            _ => Kind::Unsupported("this literal"),
        }
    }

    fn joined(&mut self, parts: &[Ast]) -> Kind {
        match text_of(parts) {
            Some(text) => Kind::Str(text.into()),
            None => Kind::Join(self.all(parts)),
        }
    }

    fn regex(&mut self, regex: &nodes::Regexp) -> Kind {
        let options = match regex.options.as_deref() {
            Some(Ast::RegOpt(options)) => options.options.clone().unwrap_or_default(),
            _ => String::new(),
        };
        match text_of(&regex.parts) {
            Some(source) => Kind::Regex(Rc::new(Pattern::new(&source, &options))),
            None => Kind::JoinRegex(self.all(&regex.parts), options),
        }
    }

    pub(super) fn match_locals(&mut self, found: &nodes::MatchWithLvasgn) -> Kind {
        let Node { kind, .. } = self.node(&found.re);
        match kind {
            Kind::Regex(pattern) => Kind::MatchLocals(pattern, self.boxed(&found.value)),
            _ => Kind::Unsupported("this match"),
        }
    }
}

/// The text of parts without anything put in.
fn text_of(parts: &[Ast]) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        match part {
            Ast::Str(part) => text.push_str(&part.value.to_string_lossy()),
            Ast::Dstr(part) => text.push_str(&text_of(&part.parts)?),
            _ => return None,
        }
    }
    Some(text)
}

/// A literal: `10`, `1_000`, `0755`, `0o755`, `0x1f`, `0b11`.
fn integer(text: &str) -> Option<i64> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, plain.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'd', ..] => (10, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    i64::from_str_radix(digits, radix).ok().map(|value| value * sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_by_their_prefix() {
        for (text, want) in [
            ("10", Some(10)),
            ("1_000", Some(1000)),
            ("0644", Some(420)),
            ("0o644", Some(420)),
            ("0x1F", Some(31)),
            ("-7", Some(-7)),
            ("0", Some(0)),
            ("99999999999999999999", None),
        ] {
            assert_eq!(integer(text), want, "{text}");
        }
    }
}

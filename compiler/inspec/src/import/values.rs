//! Values of properties, and what matchers make of them.

use std::rc::Rc;

use forge_model::{Operator, Property, Resource, Scalar};

use super::ask::{Ask, One};
use crate::matchers::{Kind, Matcher, Version};
use crate::value::Value;

/// A property of a resource.
pub(super) struct Of<'a> {
    pub(super) on: &'a Resource,
    pub(super) property: Property,
}

/// The name of an account or a group: what is only digits may be the number of one that has none.
pub(super) fn account(name: &str) -> Option<String> {
    let number = name.bytes().all(|byte| byte.is_ascii_digit());
    (!number && !name.is_empty()).then(|| name.to_owned())
}

/// All of them, where they are texts.
pub(super) fn texts(values: &[Value]) -> Option<Vec<Rc<str>>> {
    values.iter().map(|value| value.as_str().cloned()).collect()
}

/// A number; `cmp` takes one from a text, too.
pub(super) fn number(value: &Value, from_text: bool) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Str(text) if from_text => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let octal = text.len() > 1 && text.starts_with('0');
            match (all, octal) {
                (true, false) => text.parse().ok(),
                (true, true) if text.bytes().all(|byte| byte == b'0') => Some(0),
                (true, true) => i64::from_str_radix(text, 8).ok(),
                (false, _) => None,
            }
        }
        _ => None,
    }
}

/// What a matcher compares with: the operator, the value, and whether it is `cmp`.
fn comparison(matcher: &Matcher) -> Option<(String, Value, bool)> {
    Some(match &matcher.kind {
        Kind::Eq(value) | Kind::Eql(value) => ("==".to_owned(), value.clone(), false),
        // Of texts it asks for the very same object.
        Kind::Equal(value @ Value::Int(_)) => ("==".to_owned(), value.clone(), false),
        Kind::Compare(operator, value) | Kind::Operator(operator, value) => {
            (operator.to_string(), value.clone(), false)
        }
        Kind::Cmp(first) => {
            let (operator, value) = matcher.operation(first);
            (operator, value, true)
        }
        _ => return None,
    })
}

/// `\A…\z`: the text and nothing else. `$` of KDL stands at each line.
fn exactly(wanted: &[String], ignore_case: bool) -> String {
    let parts: Vec<String> = wanted.iter().map(|part| regex::escape(part)).collect();
    let flags = if ignore_case { "(?i)" } else { "" };
    match parts.as_slice() {
        [one] => format!(r"{flags}\A{one}\z"),
        several => format!(r"{flags}\A(?:{})\z", several.join("|")),
    }
}

/// Whether `cmp` takes another case of a text for the same; none where it may compare versions.
fn lax(operator: &str, wanted: &str) -> Option<bool> {
    match operator {
        "==" => Some(wanted.chars().any(char::is_alphabetic)),
        _ => Version::parse(wanted).is_none().then_some(false),
    }
}

impl Of<'_> {
    fn one(&self, operator: Operator, negated: bool) -> Ask {
        let Self { on, property } = *self;
        Ask::One(One { on: on.clone(), property, operator, negated })
    }

    fn one_of(&self, values: Vec<Scalar>, negated: bool) -> Ask {
        self.one(Operator::OneOf(values), negated)
    }

    pub(super) fn exactly(&self, wanted: &[String], ignore_case: bool, negated: bool) -> Ask {
        self.one(Operator::Matches(exactly(wanted, ignore_case)), negated)
    }

    pub(super) fn number(&self, matcher: &Matcher, negated: bool) -> Option<Ask> {
        if let Kind::In(Value::Array(list)) = &matcher.kind {
            let list: Option<Vec<i64>> =
                list.borrow().iter().map(|one| number(one, false)).collect();
            let list = list?.into_iter().map(Scalar::Integer).collect();
            return Some(self.one_of(list, negated));
        }
        let (operator, value, cmp) = comparison(matcher)?;
        let number = Scalar::Integer(number(&value, cmp)?);
        self.order(&operator, number, cmp, negated)
    }

    /// What is absent is no more and no less: `cmp` says no, other operators fail either way.
    fn order(&self, operator: &str, number: Scalar, cmp: bool, negated: bool) -> Option<Ask> {
        let opposite = |operator: &str| match operator {
            "<" => ">=",
            "<=" => ">",
            ">" => "<=",
            _ => "<",
        };
        let (operator, negated) = match operator {
            "==" => return Some(self.one_of(vec![number], negated)),
            "!=" => return Some(self.one_of(vec![number], !negated)),
            "<" | "<=" | ">" | ">=" if negated && !cmp => (opposite(operator), false),
            "<" | "<=" | ">" | ">=" => (operator, negated),
            _ => return None,
        };
        let operator = match operator {
            "<" => Operator::Below(number),
            "<=" => Operator::Max(number),
            ">" => Operator::Above(number),
            _ => Operator::Min(number),
        };
        Some(self.one(operator, negated))
    }

    /// Modes are equal or not: their order as numbers is none in KDL.
    pub(super) fn mode(&self, matcher: &Matcher, negated: bool) -> Result<Option<Ask>, String> {
        let octal = |mode: i64| {
            let mode = u32::try_from(mode).ok().filter(|mode| *mode <= 0o7777)?;
            Some(Scalar::Text(format!("{mode:04o}")))
        };
        if let Kind::In(Value::Array(list)) = &matcher.kind {
            let list: Option<Vec<Scalar>> =
                list.borrow().iter().map(|one| octal(number(one, false)?)).collect();
            return Ok(list.map(|list| self.one_of(list, negated)));
        }
        let Some((operator, value, cmp)) = comparison(matcher) else { return Ok(None) };
        if let (Value::Str(text), true) = (&value, cmp)
            && !text.starts_with('0')
            && number(&value, true).is_some()
        {
            return Err(format!(
                "`cmp '{text}'` compares the mode with the decimal number {text}: `'0{text}'` may be meant"
            ));
        }
        let Some(mode) = number(&value, cmp).and_then(octal) else { return Ok(None) };
        Ok(match operator.as_str() {
            "==" => Some(self.one_of(vec![mode], negated)),
            "!=" => Some(self.one_of(vec![mode], !negated)),
            _ => None,
        })
    }

    /// Names of accounts. An owner without a name is nil there and a number here, which no name is.
    pub(super) fn account(&self, matcher: &Matcher, negated: bool) -> Option<Ask> {
        if let Kind::Matches(pattern) = &matcher.kind {
            return self.no_number(pattern, negated);
        }
        let text = |name: &str| account(name).map(Scalar::Text);
        if let Kind::In(Value::Array(list)) = &matcher.kind {
            let names: Option<Vec<Scalar>> =
                texts(&list.borrow())?.iter().map(|name| text(name)).collect();
            return Some(self.one_of(names?, negated));
        }
        let (operator, value, cmp) = comparison(matcher)?;
        let negated = match operator.as_str() {
            "==" => negated,
            "!=" => !negated,
            _ => return None,
        };
        let name = account(value.as_str()?)?;
        let lax = cmp && lax(&operator, &name)?;
        // `cmp` takes `Root` for `root`: names have one spelling, where that cannot pass for less.
        if lax && (negated || name != name.to_lowercase()) {
            return name.is_ascii().then(|| self.exactly(&[name], true, negated));
        }
        Some(self.one_of(vec![Scalar::Text(name)], negated))
    }

    /// A pattern that finds nothing in what is only digits: that is a number there, or nil.
    fn no_number(&self, pattern: &Value, negated: bool) -> Option<Ask> {
        let Value::Regex(pattern) = pattern else { return None };
        let found = self.one(Operator::Matches(pattern.in_kdl()?), false);
        let number = self.one(Operator::Matches(r"\A[0-9]+\z".to_owned()), false);
        Some(Ask::All(vec![found, number.not()]).not_if(negated))
    }

    pub(super) fn text(&self, matcher: &Matcher, negated: bool) -> Option<Ask> {
        // Outputs are there even where they are empty; all else may be nil.
        let always = matches!(self.property, Property::Stdout | Property::Stderr);
        let there = |ask: Ask| {
            if negated && !always {
                Ask::All(vec![Ask::there(self.on, self.property), ask])
            } else {
                ask
            }
        };
        match &matcher.kind {
            Kind::Matches(Value::Regex(pattern)) => {
                Some(self.one(Operator::Matches(pattern.in_kdl()?), negated))
            }
            // A text is the source of a pattern.
            Kind::Matches(Value::Str(source)) => {
                let pattern = crate::pattern::Pattern::new(source, "");
                Some(self.one(Operator::Matches(pattern.in_kdl()?), negated))
            }
            // Nil includes nothing, and fails either way.
            Kind::Include(parts) if !parts.is_empty() => {
                let one = |part: &Rc<str>| {
                    (!part.is_empty()).then(|| {
                        self.one(Operator::Includes(Scalar::Text(part.to_string())), negated)
                    })
                };
                let asks: Option<Vec<Ask>> = texts(parts)?.iter().map(one).collect();
                Some(there(Ask::All(asks?)))
            }
            Kind::Predicate(name, args) if &**name == "empty" && args.is_empty() => {
                Some(there(self.exactly(&[String::new()], false, negated)))
            }
            Kind::In(Value::Array(list)) => {
                let wanted =
                    texts(&list.borrow())?.iter().map(ToString::to_string).collect::<Vec<_>>();
                (!wanted.is_empty()).then(|| self.exactly(&wanted, false, negated))
            }
            _ => self.compared(matcher, negated),
        }
    }

    fn compared(&self, matcher: &Matcher, negated: bool) -> Option<Ask> {
        let (operator, value, cmp) = comparison(matcher)?;
        let negated = match operator.as_str() {
            "==" => negated,
            "!=" => !negated,
            _ => return None,
        };
        if let (Value::Regex(pattern), true) = (&value, cmp) {
            return Some(self.one(Operator::Matches(pattern.in_kdl()?), negated));
        }
        let wanted = value.as_str()?.to_string();
        let ignore_case = cmp && lax(&operator, &wanted)?;
        if ignore_case && !wanted.is_ascii() {
            return None;
        }
        // Paths have no more than one spelling, and no newline at their end.
        let name = matches!(self.property, Property::Home | Property::Shell);
        let spelt = ignore_case && (negated || wanted != wanted.to_lowercase());
        if name && !wanted.is_empty() && !spelt {
            return Some(self.one_of(vec![Scalar::Text(wanted)], negated));
        }
        Some(self.exactly(&[wanted], ignore_case, negated))
    }

    /// A file's type, which is a symbol: `cmp` takes it for a text.
    pub(super) fn kind(&self, matcher: &Matcher, negated: bool) -> Option<Ask> {
        const TYPES: [&str; 7] =
            ["file", "directory", "symlink", "character_device", "block_device", "pipe", "socket"];
        let (operator, value, cmp) = comparison(matcher)?;
        let negated = match operator.as_str() {
            "==" => negated,
            "!=" => !negated,
            _ => return None,
        };
        let name = match &value {
            Value::Sym(name) => name,
            Value::Str(name) if cmp => name,
            _ => return None,
        };
        let known = TYPES.contains(&&**name);
        known.then(|| self.one_of(vec![Scalar::Text(name.to_string())], negated))
    }

    /// A kernel parameter: a number where it looks like one, and then no text.
    pub(super) fn parameter(&self, matcher: &Matcher, negated: bool) -> Option<Ask> {
        if let Kind::In(Value::Array(_)) = &matcher.kind {
            return self.number(matcher, negated);
        }
        if let Kind::Matches(pattern) = &matcher.kind {
            return self.no_number(pattern, negated);
        }
        let (operator, value, cmp) = comparison(matcher)?;
        if let Some(number) = number(&value, cmp) {
            let order = self.order(&operator, Scalar::Integer(number), cmp, negated)?;
            // A text has no order, which `cmp` takes for a no, and KDL for an error.
            if negated && cmp && !matches!(operator.as_str(), "==" | "!=") {
                let number = Operator::Matches(r"\A-?[0-9]+\z".to_owned());
                return Some(Ask::Any(vec![self.one(number, true), order]));
            }
            return Some(order);
        }
        let negated = match operator.as_str() {
            "==" => negated,
            "!=" => !negated,
            _ => return None,
        };
        match &value {
            Value::Regex(pattern) if cmp => {
                Some(self.one(Operator::Matches(pattern.in_kdl()?), negated))
            }
            Value::Str(text)
                if !text.trim().is_empty() && !text.bytes().all(|b| b.is_ascii_digit()) =>
            {
                let ignore_case = cmp && lax(&operator, text)?;
                let plain = !ignore_case && !text.contains(char::is_whitespace);
                if plain {
                    return Some(self.one_of(vec![Scalar::Text(text.to_string())], negated));
                }
                let known = !ignore_case || text.is_ascii();
                known.then(|| self.exactly(&[text.to_string()], ignore_case, negated))
            }
            _ => None,
        }
    }
}

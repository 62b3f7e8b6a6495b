//! Expressions of Ruby over resources, in `only_if` and `subject`, as demands of KDL.
//!
//! Whatever rests on no resource is worked out; the rest is one of the forms here, or refused.

use std::rc::Rc;

use forge_model::{Operator, Property, Resource, Scalar};

use super::ask::Ask;
use super::matcher::{Of, Subject, predicate, property};
use super::reader::{Reader, described, subject};
use super::values;
use crate::context::Context;
use crate::export::HELPERS;
use crate::matchers::{Kind as Is, Matcher};
use crate::scope::Frame;
use crate::syntax::{BlockArg, Call, Kind, Node};
use crate::value::Value;

/// What an expression is.
#[derive(Clone, Debug)]
enum Sym {
    /// A value that rests on nothing.
    Known(Value),
    Thing(Subject),
    /// A property of a thing, by the calls that lead to it.
    Part(Subject, String),
    /// Bits of a mode.
    Bits(Subject, u32),
    /// What a list has in common with another.
    Common(Subject, String, Vec<Value>),
    Says(Ask),
}

/// Parts that are known not to be nil where an expression stands.
type Known = Vec<(Resource, String)>;

const REFUSED: &str = "an expression that has no equal in KDL";

impl Reader<'_, '_> {
    /// A condition: true where it holds.
    pub(super) fn condition(&mut self, node: &Node, frame: &Frame) -> Result<Ask, String> {
        self.ask(node, frame, &Vec::new())
    }

    /// `expect(x).to matcher`: what it says of `x`, which is a resource, a part of one, or a yes or no.
    pub(super) fn expectation(
        &mut self,
        of: &Node,
        matcher: &Node,
        negated: bool,
        frame: &Frame,
    ) -> Result<Ask, String> {
        let Value::Matcher(matcher) = self.value(matcher, frame)? else {
            return Err("an expectation without a matcher".to_owned());
        };
        if matches!(of.kind, Kind::And(..) | Kind::Or(..)) {
            return truth(self.yes_or_no(of, frame)?, &matcher, negated);
        }
        match self.sym(of, frame, &Vec::new())? {
            Sym::Thing(subject) => super::matcher::it(&subject, &matcher, negated),
            Sym::Part(subject, part) => super::matcher::its(&subject, &part, &matcher, negated),
            Sym::Says(ask) => truth(ask, &matcher, negated),
            Sym::Known(_) => Err("an expectation of a value that Ruby works out".to_owned()),
            Sym::Bits(..) | Sym::Common(..) => Err(REFUSED.to_owned()),
        }
    }

    /// A condition that is `true` or `false` itself, and nothing else that counts as one.
    pub(super) fn yes_or_no(&mut self, node: &Node, frame: &Frame) -> Result<Ask, String> {
        if self.is_other(node, frame) {
            return Err(REFUSED.to_owned());
        }
        self.condition(node, frame)
    }

    /// Whether the value of an expression may be one that rests on nothing and is neither true nor false.
    fn is_other(&mut self, node: &Node, frame: &Frame) -> bool {
        match &node.kind {
            Kind::And(left, right) | Kind::Or(left, right) => {
                self.is_other(left, frame) || self.is_other(right, frame)
            }
            _ => match self.sym(node, frame, &Vec::new()) {
                Ok(Sym::Known(value)) => !matches!(value, Value::Bool(_)),
                _ => false,
            },
        }
    }

    fn ask(&mut self, node: &Node, frame: &Frame, known: &Known) -> Result<Ask, String> {
        match &node.kind {
            Kind::And(left, right) => {
                if let Some(ask) = self.exported(left, right, frame)? {
                    return Ok(ask);
                }
                let first = self.ask(left, frame, known)?;
                let mut known = known.clone();
                self.not_nil(left, frame, &mut known);
                Ok(Ask::All(vec![first, self.ask(right, frame, &known)?]))
            }
            Kind::Or(left, right) => {
                let first = self.ask(left, frame, known)?;
                Ok(Ask::Any(vec![first, self.ask(right, frame, known)?]))
            }
            Kind::Call(call) if &*call.name == "!" && call.args.is_empty() => {
                match &call.receiver {
                    Some(receiver) => Ok(self.ask(receiver, frame, known)?.not()),
                    None => Err(REFUSED.to_owned()),
                }
            }
            _ => match self.sym(node, frame, known)? {
                Sym::Known(value) if value.truthy() => Ok(Ask::always()),
                Sym::Known(_) => Ok(Ask::never()),
                Sym::Says(ask) => Ok(ask),
                _ => Err(REFUSED.to_owned()),
            },
        }
    }

    /// Adds what a condition says is there.
    fn not_nil(&mut self, node: &Node, frame: &Frame, known: &mut Known) {
        match &node.kind {
            Kind::And(left, right) => {
                self.not_nil(left, frame, known);
                self.not_nil(right, frame, known);
            }
            Kind::Call(not) if &*not.name == "!" => {
                let Some(Node { kind: Kind::Call(nil), .. }) = &not.receiver else { return };
                let (Some(part), "nil?") = (&nil.receiver, &*nil.name) else { return };
                if let Ok(Sym::Part(subject, part)) = self.sym(part, frame, &Vec::new()) {
                    known.push((subject.on, part));
                }
            }
            _ => {}
        }
    }

    fn sym(&mut self, node: &Node, frame: &Frame, known: &Known) -> Result<Sym, String> {
        if let Kind::Call(call) = &node.kind
            && let Some(receiver) = &call.receiver
        {
            let of = match &receiver.kind {
                Kind::And(..) | Kind::Or(..) => return Err(REFUSED.to_owned()),
                _ => match self.sym(receiver, frame, known) {
                    Ok(of) => of,
                    // What KDL has no word for may rest on nothing: the kind of machine, the inputs.
                    Err(why) => return self.value(node, frame).map(Sym::Known).map_err(|_| why),
                },
            };
            match of {
                Sym::Thing(subject) => return self.of_thing(&subject, call, frame),
                Sym::Part(subject, part) => {
                    return self.of_part(&subject, &part, call, frame, known);
                }
                Sym::Bits(subject, mask) => return self.of_bits(&subject, mask, call, frame),
                Sym::Common(subject, part, list) if &*call.name == "empty?" => {
                    return Ok(Sym::Says(one_of_list(&subject, &part, &list)?.not()));
                }
                Sym::Common(..) | Sym::Says(_) => return Err(REFUSED.to_owned()),
                Sym::Known(Value::Array(list)) if &*call.name == "include?" => {
                    let [arg] = call.args.as_slice() else { return Err(REFUSED.to_owned()) };
                    if let Sym::Part(subject, part) = self.sym(arg, frame, known)? {
                        let list = list.borrow().clone();
                        return part_in(&subject, &part, &list).map(Sym::Says);
                    }
                }
                Sym::Known(_) => {}
            }
            for arg in &call.args {
                if !matches!(self.sym(arg, frame, known)?, Sym::Known(_)) {
                    return Err(REFUSED.to_owned());
                }
            }
        }
        // What is described, where an example says nothing else of it.
        if let (Kind::Call(call), Value::Context(Context::Example(example))) =
            (&node.kind, &frame.me)
            && (&*call.name, call.receiver.is_none(), call.args.len()) == ("subject", true, 0)
            && example.group.explicit.borrow().is_none()
        {
            return Ok(Sym::Thing(described(&example.group.subject)?));
        }
        match self.value(node, frame)? {
            Value::Resource(resource) => Ok(Sym::Thing(subject(&resource)?)),
            Value::Unknown(why) => Err(why.to_string()),
            value => Ok(Sym::Known(value)),
        }
    }

    /// The arguments of a call, which rest on nothing.
    fn args(&mut self, call: &Call, frame: &Frame) -> Result<Vec<Value>, String> {
        call.args.iter().map(|arg| self.value(arg, frame)).collect()
    }

    fn of_thing(&mut self, subject: &Subject, call: &Call, frame: &Frame) -> Result<Sym, String> {
        let name = &*call.name;
        if !matches!(call.block, BlockArg::None) || call.safe {
            return Err(REFUSED.to_owned());
        }
        let args = self.args(call, frame)?;
        if let Some(ask) = predicate(subject, name, &args) {
            return Ok(Sym::Says(ask));
        }
        if name == "params" && args.is_empty() || property(&subject.on, name).is_some() {
            return Ok(Sym::Part(subject.clone(), name.to_owned()));
        }
        Err(format!("`{name}` of {} has no equal in KDL", subject.on))
    }

    fn of_part(
        &mut self,
        subject: &Subject,
        part: &str,
        call: &Call,
        frame: &Frame,
        known: &Known,
    ) -> Result<Sym, String> {
        if !matches!(call.block, BlockArg::None) || call.safe {
            return Err(REFUSED.to_owned());
        }
        let args = self.args(call, frame)?;
        let on = &subject.on;
        let there = known.iter().any(|(other, name)| other == on && name == part)
            || matches!(on, Resource::Command { .. });
        // As the text that it is, what is nil where the whole is nil.
        let text_is_there = there
            || part
                .strip_suffix(".to_s")
                .is_some_and(|of| known.iter().any(|(other, name)| other == on && name == of));
        let says = |ask: Option<Ask>| ask.map(Sym::Says).ok_or_else(|| REFUSED.to_owned());
        let more = |name: &str| Ok(Sym::Part(subject.clone(), format!("{part}.{name}")));
        match (&*call.name, args.as_slice()) {
            ("to_s", []) if !part.contains('.') => more("to_s"),
            ("split", []) if part == "value.to_s" => more("split"),
            ("join", [Value::Str(space)]) if part == "value.to_s.split" && &**space == " " => {
                more("join")
            }
            ("[]", [Value::Str(key)]) if part == "params" => more(key),
            ("nil?", []) if part.ends_with(".to_s") => Ok(Sym::Known(Value::Bool(false))),
            ("nil?", []) => {
                let (property, _) = property(on, part).ok_or_else(|| REFUSED.to_owned())?;
                match property {
                    Property::Value
                    | Property::Version
                    | Property::Content
                    | Property::Mode
                    | Property::Home
                    | Property::Shell => Ok(Sym::Says(Ask::there(on, property).not())),
                    _ => Err(REFUSED.to_owned()),
                }
            }
            ("==", [value]) => says(equals(subject, part, value)),
            ("!=", [value]) => says(equals(subject, part, value).map(Ask::not)),
            ("&", [Value::Array(list)]) => {
                Ok(Sym::Common(subject.clone(), part.to_owned(), list.borrow().clone()))
            }
            ("&", [Value::Int(mask)]) if part == "mode" && there => {
                let mask = u32::try_from(*mask).map_err(|_| REFUSED.to_owned())?;
                Ok(Sym::Bits(subject.clone(), mask))
            }
            ("<" | "<=" | ">" | ">=", [Value::Int(number)]) if there => {
                says(ordered(subject, part, &call.name, *number))
            }
            ("include?", [Value::Str(text)]) if text_is_there && !text.is_empty() => {
                let text = Scalar::Text(text.to_string());
                says(text_part(subject, part, Operator::Includes(text)))
            }
            ("match?" | "=~", [Value::Regex(pattern)]) if text_is_there => {
                let pattern = pattern.in_kdl().ok_or_else(|| REFUSED.to_owned())?;
                says(text_part(subject, part, Operator::Matches(pattern)))
            }
            _ => Err(REFUSED.to_owned()),
        }
    }

    fn of_bits(
        &mut self,
        subject: &Subject,
        mask: u32,
        call: &Call,
        frame: &Frame,
    ) -> Result<Sym, String> {
        let args = self.args(call, frame)?;
        let ask = match (&*call.name, args.as_slice()) {
            ("==", [Value::Int(0)]) => subject.mode(Operator::Max, 0o7777 & !mask),
            ("==", [Value::Int(bits)]) if i64::from(mask) == *bits => {
                subject.mode(Operator::Min, mask)
            }
            _ => return Err(REFUSED.to_owned()),
        };
        Ok(Sym::Says(ask))
    }

    /// Two halves of a condition that `controls export` writes with one of its helpers.
    fn exported(
        &mut self,
        left: &Node,
        right: &Node,
        frame: &Frame,
    ) -> Result<Option<Ask>, String> {
        // What is not to be: none of them is set.
        if let (Some(first), Some(common)) = (not_emptied(left), not_emptied(right))
            && let Kind::Call(call) = &common.kind
            && &*call.name == "&"
            && let (Some(list), [wanted]) = (&call.receiver, call.args.as_slice())
        {
            return self.exported_list(first, list, wanted, frame);
        }
        let Some(second) = emptied(right) else { return self.exported_groups(left, right, frame) };
        if let (Some(first), Kind::Call(minus)) = (not_emptied(left), &second.kind)
            && &*minus.name == "-"
            && let (Some(list), [wanted]) = (&minus.receiver, minus.args.as_slice())
        {
            return self.exported_list(first, list, wanted, frame);
        }
        let Some(Helped { name: "forge_sshd", args }) = self.helped(second, frame)? else {
            return Ok(None);
        };
        // The file that is asked of must be there.
        let file = self.ask(left, frame, &Vec::new())?;
        let [path, key] = args.as_slice() else { return Ok(None) };
        let on = Resource::File { path: path.clone() };
        let wanted = Ask::one_of(&on, Property::LeadsTo, vec![Scalar::Text("file".to_owned())]);
        let on = Resource::SshdConfig { path: path.clone() };
        let operator = Operator::Keyword { key: key.clone(), values: Vec::new() };
        Ok((file == wanted && path == SSHD).then(|| Ask::one(&on, Property::Absent, operator)))
    }

    /// Something is set, and compared with these values.
    fn exported_list(
        &mut self,
        first: &Node,
        list: &Node,
        wanted: &Node,
        frame: &Frame,
    ) -> Result<Option<Ask>, String> {
        let listed = self.helped(first, frame)?;
        if listed.is_none() || listed != self.helped(list, frame)? {
            return Ok(None);
        }
        let Value::Array(wanted) = self.value(wanted, frame)? else { return Ok(None) };
        let wanted = values::texts(&wanted.borrow()).ok_or_else(|| REFUSED.to_owned())?;
        let wanted = wanted.iter().map(|text| Scalar::Text(text.to_string())).collect();
        Ok(listed.and_then(|listed| listed.ask(wanted)))
    }

    /// The account is there, and is in a group.
    fn exported_groups(
        &mut self,
        left: &Node,
        right: &Node,
        frame: &Frame,
    ) -> Result<Option<Ask>, String> {
        let Kind::Call(asked) = &right.kind else { return Ok(None) };
        let Some(receiver) = &asked.receiver else { return Ok(None) };
        let Some(Helped { name: "forge_groups", args }) = self.helped(receiver, frame)? else {
            return Ok(None);
        };
        let [user] = args.as_slice() else { return Ok(None) };
        let on = Resource::User { name: user.clone() };
        if self.ask(left, frame, &Vec::new())? != Ask::flag(&on, Property::Exists) {
            return Ok(None);
        }
        let operator = match (&*asked.name, asked.args.as_slice(), &asked.block) {
            ("include?", [group], _) => {
                Operator::Includes(Scalar::Text(self.value(group, frame)?.text().to_string()))
            }
            ("any?", [], BlockArg::Literal(block)) => {
                let Kind::Call(call) = &block.body.kind else { return Ok(None) };
                let ("match?", [pattern]) = (&*call.name, call.args.as_slice()) else {
                    return Ok(None);
                };
                let Value::Regex(pattern) = self.value(pattern, frame)? else { return Ok(None) };
                Operator::Matches(pattern.in_kdl().ok_or_else(|| REFUSED.to_owned())?)
            }
            _ => return Ok(None),
        };
        Ok(Some(Ask::one(&on, Property::Groups, operator)))
    }

    /// A call of a helper that the file has as it was written, `downcase` of each of its values left out.
    fn helped(&mut self, node: &Node, frame: &Frame) -> Result<Option<Helped>, String> {
        let Kind::Call(call) = &node.kind else { return Ok(None) };
        let Some(receiver) = &call.receiver else { return Ok(None) };
        if &*call.name == "map" && is_downcase(&call.block) {
            return self.helped(receiver, frame);
        }
        let (Kind::Local(local), "call") = (&receiver.kind, &*call.name) else { return Ok(None) };
        let Some((name, text)) = HELPERS.iter().find(|(name, _)| *name == &**local) else {
            return Ok(None);
        };
        let file = self.machine.files.get(node.at.file as usize);
        if !file.is_some_and(|file| file.text.contains(*text)) {
            return Ok(None);
        }
        let args = self.args(call, frame)?;
        let args = args.iter().map(|arg| arg.text().to_string()).collect();
        Ok(Some(Helped { name, args }))
    }
}

/// `eq true`, `be_falsey` and their like of a yes or no.
pub(super) fn truth(ask: Ask, matcher: &Matcher, negated: bool) -> Result<Ask, String> {
    let plain = matcher.chained.borrow().is_empty();
    let wanted = match &matcher.kind {
        Is::Eq(Value::Bool(wanted)) | Is::Equal(Value::Bool(wanted)) if plain => *wanted,
        Is::Truthy(_) if plain => true,
        Is::Falsey if plain => false,
        _ => return Err(format!("`{}` of an expression", matcher.description())),
    };
    Ok(ask.not_if(wanted == negated))
}

/// The file that `sshd-config` is about.
const SSHD: &str = "/etc/ssh/sshd_config";

/// A call of a helper of `controls export`.
#[derive(Clone, Debug, PartialEq)]
struct Helped {
    name: &'static str,
    args: Vec<String>,
}

impl Helped {
    /// One of these values, and something sets it.
    fn ask(self, values: Vec<Scalar>) -> Option<Ask> {
        match (self.name, self.args.as_slice()) {
            ("forge_settings", [path, key, separator, section]) => {
                let section = Some(section.clone()).filter(|section| !section.is_empty());
                let (key, separator) = (key.clone(), separator.clone());
                let operator = Operator::Setting { key, values, separator, section };
                let on = Resource::File { path: path.clone() };
                Some(Ask::one(&on, Property::Setting, operator))
            }
            ("forge_sshd", [path, key]) if path == SSHD => {
                let operator = Operator::Keyword { key: key.clone(), values };
                let on = Resource::SshdConfig { path: path.clone() };
                Some(Ask::one(&on, Property::Set, operator))
            }
            _ => None,
        }
    }
}

/// One of these is among those of a list.
fn one_of_list(subject: &Subject, part: &str, list: &[Value]) -> Result<Ask, String> {
    let refused = || REFUSED.to_owned();
    let (property, kind) = property(&subject.on, part).ok_or_else(refused)?;
    if kind != Of::Members || list.is_empty() {
        return Err(refused());
    }
    let texts = values::texts(list).ok_or_else(refused)?;
    let texts = texts.iter().map(|text| Scalar::Text(text.to_string())).collect();
    Ok(Ask::one_of(&subject.on, property, texts))
}

/// What `x.empty?` asks of.
fn emptied(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::Call(call) if &*call.name == "empty?" => call.receiver.as_ref(),
        _ => None,
    }
}

fn not_emptied(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::Call(call) if &*call.name == "!" => emptied(call.receiver.as_ref()?),
        _ => None,
    }
}

fn is_downcase(block: &BlockArg) -> bool {
    let BlockArg::Literal(block) = block else { return false };
    matches!(&block.body.kind, Kind::Call(call) if &*call.name == "downcase")
}

/// A part that is a text, or the text of one, compared as texts are.
fn text_part(subject: &Subject, part: &str, operator: Operator) -> Option<Ask> {
    let name = part.strip_suffix(".to_s").unwrap_or(part);
    let (property, kind) = property(&subject.on, name)?;
    let fits = match kind {
        Of::Text => true,
        Of::Parameter => part != name,
        _ => false,
    };
    fits.then(|| Ask::one(&subject.on, property, operator))
}

fn equals(subject: &Subject, part: &str, value: &Value) -> Option<Ask> {
    if part == "params.LoadState" {
        let masked = Ask::flag(&subject.on, Property::Masked);
        return (value.as_text() == Some("masked")).then_some(masked);
    }
    part_in(subject, part, std::slice::from_ref(value)).ok()
}

/// One of these values, by `==`.
fn part_in(subject: &Subject, part: &str, list: &[Value]) -> Result<Ask, String> {
    let refused = || REFUSED.to_owned();
    let on = &subject.on;
    if part == "value.to_s.split.join" {
        let texts = values::texts(list).ok_or_else(refused)?;
        let texts = texts.iter().map(|text| Scalar::Text(text.to_string())).collect();
        return Ok(Ask::one_of(on, Property::Value, texts));
    }
    if part == "type.to_s" {
        let texts = values::texts(list).ok_or_else(refused)?;
        let texts = texts.iter().map(|text| Scalar::Text(text.to_string())).collect();
        return Ok(Ask::one_of(on, Property::Type, texts));
    }
    let list = list.to_vec();
    let kind = match list.as_slice() {
        [one] => Is::Eq(one.clone()),
        _ => Is::In(list.into()),
    };
    let Value::Matcher(matcher) = Matcher::value(kind) else {
        return Err(refused());
    };
    super::matcher::its(subject, part, &matcher, false)
}

fn ordered(subject: &Subject, part: &str, operator: &str, number: i64) -> Option<Ask> {
    let kind = Is::Compare(Rc::from(operator), Value::Int(number));
    let Value::Matcher(matcher) = Matcher::value(kind) else { return None };
    let (_, of) = property(&subject.on, part)?;
    let numbers = matches!(of, Of::Number | Of::Parameter);
    numbers.then(|| super::matcher::its(subject, part, &matcher, false).ok()).flatten()
}

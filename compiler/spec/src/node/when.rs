use forge_diag::{Diagnostic, Sink, Spanned, codes};
use forge_param::{ParamType, ParamValue};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Entry, Node, Value};

use super::{Statement, statements};
use crate::context::Context;
use crate::resolve::bind::Reading;
use crate::value::Bound;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "when",
    doc: "What stands in it counts only where a parameter is true, or has a value. The names are \
          those of the role's parameters, of what the image sets, and `image`, `cluster`, `type`, \
          `arch` and `suite` (the base's).",
    args: &[Field::required("name", "parameter's name", "which parameter")],
    props: &[
        Field::optional(
            "is",
            "a value of the parameter's type",
            "the value that it must have; a truth value must be `#true` without",
        ),
        Field::optional("is-not", "a value of the parameter's type", "what it must not be"),
        Field::optional("has", "an element", "what a list, or a list of hosts, must hold"),
    ],
    children: &[
        Child::new("is", "several values, as arguments: it must have one of them"),
        Child::new("is-not", "several values, as arguments: it must have none of them"),
    ],
    example: "when \"cluster\" is=\"summit\" { packages \"numactl\" }",
};

/// A condition with what depends on it.
#[derive(Debug)]
pub(crate) struct WhenDecl {
    name: Spanned<String>,
    test: Test,
    pub(crate) body: Vec<Statement>,
}

#[derive(Debug)]
enum Test {
    True,
    /// One of these, or none of them.
    Is {
        values: Vec<Entry>,
        not: bool,
    },
    Has(Entry),
}

pub(crate) fn decode(node: &Node, owner: &str, sink: &mut Sink) -> Option<WhenDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg::<String>("parameter's name");
    let test = test(&mut cursor);
    let rest = cursor.rest_children();
    if rest.is_empty() {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_EMPTY, "`when` holds nothing")
                .at(node.head, "")
                .help("write what depends on it between `{` and `}`"),
        );
    }
    cursor.finish(sink);
    let body = statements(rest, owner, &["is", "is-not"], sink);
    Some(WhenDecl { name: name?, test, body })
}

fn test(cursor: &mut Cursor<'_>) -> Test {
    let mut tests = Vec::new();
    for (name, not) in [("is", false), ("is-not", true)] {
        if let Some(entry) = cursor.prop_entry(name) {
            tests.push((entry.span, Test::Is { values: vec![entry.clone()], not }));
        }
        if let Some(child) = cursor.child(name) {
            let values = several(cursor, child);
            tests.push((child.head, Test::Is { values, not }));
        }
    }
    if let Some(entry) = cursor.prop_entry("has") {
        tests.push((entry.span, Test::Has(entry.clone())));
    }
    let mut tests = tests.into_iter();
    let Some((first, test)) = tests.next() else {
        return Test::True;
    };
    for (again, _) in tests {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_DUPLICATE, "`when` asks two things")
                .at(again, "and this")
                .and(first, "this")
                .help("put one `when` into the other"),
        );
    }
    test
}

/// Values as arguments of a child node; a single one stands on the line.
fn several(cursor: &mut Cursor<'_>, child: &Node) -> Vec<Entry> {
    let (mut below, mut found) = (Cursor::new(child), Sink::new());
    let values = below.some_args::<Value>("value");
    let entries: Vec<Entry> =
        child.entries.iter().filter(|entry| entry.name.is_none()).cloned().collect();
    if let ([_], [entry]) = (values.as_slice(), entries.as_slice()) {
        let name = &child.name.value;
        below.report(
            Diagnostic::error(codes::SYNTAX_TYPE, format!("`{name}` lists several values"))
                .at(entry.span, "there is one")
                .help(format!("write `{name}=…` on the line of `when`")),
        );
    }
    below.finish(&mut found);
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    entries
}

impl WhenDecl {
    /// The condition as it is written, and where.
    pub(crate) fn written(&self, cx: &Context<'_>) -> Spanned<String> {
        let values = |values: &[Entry]| -> String {
            let written = values.iter().map(|entry| match &entry.name {
                Some(_) => format!("={}", cx.map.slice(entry.span)),
                None => format!(" {}", cx.map.slice(entry.span)),
            });
            written.collect()
        };
        let asked = match &self.test {
            Test::True => String::new(),
            Test::Is { values: all, not } => {
                format!(" {}{}", if *not { "is-not" } else { "is" }, values(all))
            }
            Test::Has(entry) => format!(" has{}", values(std::slice::from_ref(entry))),
        };
        let name = forge_syntax::quote(&self.name.value);
        Spanned::new(format!("when {name}{asked}"), self.name.span)
    }

    /// What the condition asks about, as far as it has a value.
    pub(crate) fn asked<'c>(&self, cx: &'c Context<'_>) -> Option<(&str, &'c Bound)> {
        Some((&self.name.value, cx.scope.bound(&self.name.value)?))
    }

    /// Whether the body counts; none after a reported mistake.
    pub(crate) fn holds(&self, cx: &mut Context<'_>) -> Option<bool> {
        let Some(bound) = cx.scope.bound(&self.name.value).cloned() else {
            let found = cx.undefined_word(&self.name.value, self.name.span);
            cx.report(found);
            return None;
        };
        match &self.test {
            Test::True => self.truth(cx, &bound.value),
            Test::Is { values, not } => {
                // All are read, so that each mistake is reported.
                let same: Vec<Option<bool>> =
                    values.iter().map(|entry| self.same(cx, &bound, entry)).collect();
                let same: Vec<bool> = same.into_iter().collect::<Option<_>>()?;
                Some(same.contains(&true) != *not)
            }
            Test::Has(entry) => self.has(cx, &bound, entry),
        }
    }

    fn same(&self, cx: &mut Context<'_>, bound: &Bound, entry: &Entry) -> Option<bool> {
        if matches!(bound.value, ParamValue::List(_)) {
            cx.report(
                Diagnostic::error(
                    codes::SPEC_PARAM_VALUE,
                    format!("`{}` is a list, which is no single value", self.name.value),
                )
                .at(entry.span, format!("its value here is {}", bound.value))
                .help("ask for an element: `has=…`"),
            );
            return None;
        }
        let wanted = self.wanted(cx, bound, bound.ty.as_deref(), entry)?;
        Some(match (&wanted, &bound.value) {
            (ParamValue::Hosts(wanted), ParamValue::Hosts(value)) => {
                let sorted = |hosts: &[String]| {
                    let mut hosts = hosts.to_vec();
                    hosts.sort();
                    hosts
                };
                sorted(wanted.hosts()) == sorted(value.hosts())
            }
            (wanted, value) => wanted == value,
        })
    }

    fn has(&self, cx: &mut Context<'_>, bound: &Bound, entry: &Entry) -> Option<bool> {
        let values = match &bound.value {
            ParamValue::List(values) => values.clone(),
            ParamValue::Hosts(list) => list.hosts().iter().cloned().map(ParamValue::Text).collect(),
            value => {
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_PARAM_VALUE,
                        format!("`{}` is not a list", self.name.value),
                    )
                    .at(entry.span, format!("its value here is {}", value.brief()))
                    .help("compare it: `is=…`"),
                );
                return None;
            }
        };
        let element = match bound.ty.as_deref() {
            Some(ParamType::List(element)) => Some(&**element),
            Some(ParamType::Hosts) => Some(&ParamType::Name),
            _ => None,
        };
        let first = values.first().cloned();
        let like = Bound { value: first.unwrap_or(ParamValue::List(Vec::new())), ..bound.clone() };
        let wanted = self.wanted(cx, &like, element, entry)?;
        Some(values.contains(&wanted))
    }

    /// A value of the condition, as one of the parameter's type; of the same kind as the value
    /// where an image sets one without a type.
    fn wanted(
        &self,
        cx: &mut Context<'_>,
        bound: &Bound,
        ty: Option<&ParamType>,
        entry: &Entry,
    ) -> Option<ParamValue> {
        let any;
        let ty = match (ty, &bound.value, &entry.value) {
            (Some(ty), _, _) => ty,
            (None, ParamValue::Text(_), Value::Text(_)) => {
                any = ParamType::Text(None);
                &any
            }
            (None, ParamValue::Integer(_), Value::Integer { .. }) => {
                any = ParamType::Integer(forge_param::Range::default());
                &any
            }
            (None, ParamValue::Bool(_), Value::Bool(_)) => &ParamType::Bool,
            (None, value, _) => {
                if !entry.reported {
                    cx.report(
                        Diagnostic::error(
                            codes::SPEC_PARAM_VALUE,
                            format!("`{}` is never {}", self.name.value, entry.value.what()),
                        )
                        .at(entry.span, format!("its value here is {}", value.brief())),
                    );
                }
                return None;
            }
        };
        Reading { name: &self.name.value, declared: None }.one(cx, ty, entry)
    }

    fn truth(&self, cx: &mut Context<'_>, value: &ParamValue) -> Option<bool> {
        if let ParamValue::Bool(value) = value {
            return Some(*value);
        }
        cx.report(
            Diagnostic::error(
                codes::SPEC_PARAM_VALUE,
                format!("`{}` is neither true nor false", self.name.value),
            )
            .at(self.name.span, format!("its value here is {}", value.brief()))
            .help(match value {
                ParamValue::List(_) => "ask for an element: `has=…`",
                _ => "compare it: `is=…`",
            }),
        );
        None
    }
}

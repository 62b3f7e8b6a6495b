use forge_diag::{Diagnostic, Sink, Spanned, codes};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Entry, Node, Value};

use super::{Statement, statements};
use crate::context::Context;
use crate::value::ParamValue;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "when",
    doc: "What stands in it counts only where a parameter is true, or has a value.",
    args: &[Field::required("name", "parameter's name", "which parameter")],
    props: &[Field::optional(
        "is",
        "a value of the parameter's type",
        "the value that it must have; a truth value must be `#true` without",
    )],
    children: &[],
    example: "when \"cluster\" is=\"summit\" { packages \"numactl\"; }",
};

/// A condition with what depends on it.
#[derive(Debug)]
pub(crate) struct WhenDecl {
    name: Spanned<String>,
    is: Option<Entry>,
    pub(crate) body: Vec<Statement>,
}

pub(crate) fn decode(node: &Node, owner: &str, sink: &mut Sink) -> Option<WhenDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg::<String>("parameter's name");
    let is = cursor.prop_entry("is").cloned();
    let rest = cursor.rest_children();
    if rest.is_empty() {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_EMPTY, "`when` holds nothing")
                .at(node.head, "")
                .help("write what depends on it between `{` and `}`"),
        );
    }
    cursor.finish(sink);
    let body = statements(rest, owner, &[], sink);
    Some(WhenDecl { name: name?, is, body })
}

impl WhenDecl {
    /// Whether the body counts; none after a reported mistake.
    pub(crate) fn holds(&self, cx: &mut Context<'_>) -> Option<bool> {
        let Some(value) = cx.scope.get(&self.name.value).cloned() else {
            let found = cx.undefined_name(&self.name.value).at(self.name.span, "not known here");
            cx.report(found);
            return None;
        };
        let Some(wanted) = &self.is else {
            return self.truth(cx, &value);
        };
        let same = match (&wanted.value, &value) {
            (Value::Text(text), ParamValue::Text(value)) => Some(text.value == *value),
            (Value::Integer { value: number, .. }, ParamValue::Integer(value)) => {
                Some(*number == i128::from(*value))
            }
            (Value::Bool(wanted), ParamValue::Bool(value)) => Some(wanted == value),
            _ => None,
        };
        if same.is_none() && !wanted.reported {
            cx.report(
                Diagnostic::error(
                    codes::SPEC_PARAM_VALUE,
                    format!("`{}` is never {}", self.name.value, wanted.value.what()),
                )
                .at(wanted.span, format!("its value here is {value}")),
            );
        }
        same
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
            .at(self.name.span, format!("its value here is {value}"))
            .help("compare it: `is=…`"),
        );
        None
    }
}

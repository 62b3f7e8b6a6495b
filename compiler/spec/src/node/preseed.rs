use forge_diag::{Diagnostic, Spanned, codes};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::packages::is_package;
use super::{Declaration, OVERRIDE, TextAt, bad_value};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "preseed",
    doc: "Answers a question of debconf before the packages of its role are configured. The \
          answer stays in the image's debconf database, for all to read: it cannot be a secret.",
    args: &[
        Field::required("owner", "package's name", "the package that asks"),
        Field::required("question", "text", "the question's name, `tzdata/Areas`"),
        Field::required("type", "text", "its type: `select`, `boolean`, `string`, …"),
        Field::required("value", "text", "the answer"),
    ],
    props: &[OVERRIDE],
    children: &[],
    example: "preseed \"tzdata\" \"tzdata/Areas\" \"select\" \"Etc\"",
};

/// Types of questions (debconf-devel(7)).
const TYPES: [&str; 8] =
    ["boolean", "error", "multiselect", "note", "password", "select", "string", "text"];

#[derive(Debug)]
struct PreseedDecl {
    owner: TextAt,
    question: TextAt,
    kind: Spanned<String>,
    value: TextAt,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let owner = cursor.arg("owner");
    let question = cursor.arg("question");
    let kind: Option<Spanned<String>> = cursor.arg("type");
    let value = cursor.arg("value");
    let kind = kind?;
    if !TYPES.contains(&kind.value.as_str()) {
        let headline = format!("`{}` is no type of a question", kind.value);
        let near = forge_syntax::closest(&kind.value, TYPES);
        let found = bad_value(kind.span, headline, "here")
            .note(format!("debconf has {}", TYPES.join(", ")));
        cursor.report(match near {
            Some(near) => {
                found.help(format!("did you mean \"{near}\"?")).offer(kind.span, quote(near))
            }
            None => found,
        });
    } else if kind.value == "password" {
        cursor.report(
            Diagnostic::error(codes::SPEC_SECRET, "a password would stand in a layer")
                .at(kind.span, "debconf keeps the answer")
                .help("deliver it as a file: `file \"/path\" secret=\"NAME\"`"),
        );
    }
    Some(Box::new(PreseedDecl { owner: owner?, question: question?, kind, value: value? }))
}

impl Declaration for PreseedDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let owner = cx.text(&self.owner);
        let question = cx.text(&self.question);
        let value = cx.text(&self.value);
        let (owner, question, value) = (owner?, question?, value?);
        let mut mistake = |at: &TextAt, headline: String, help: &str| {
            cx.report(bad_value(at.span, headline, "here").help(help));
        };
        let mistakes = [
            (!is_package(&owner))
                .then(|| (&self.owner, format!("`{owner}` is no name of a package"), "the owner")),
            (question.is_empty() || question.contains(char::is_whitespace)).then(|| {
                (&self.question, format!("`{question}` is no name of a question"), "one word")
            }),
            value.contains(char::is_control).then(|| {
                (&self.value, "an answer is one line".to_owned(), "debconf-set-selections(1)")
            }),
        ];
        let mut good = true;
        for (at, headline, help) in mistakes.into_iter().flatten() {
            mistake(at, headline, help);
            good = false;
        }
        let kind = self.kind.value.clone();
        good.then_some(ItemKind::Preseed { owner, question, kind, value })
    }
}

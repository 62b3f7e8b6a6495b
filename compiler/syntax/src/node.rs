use forge_diag::{Span, Spanned};
use serde::{Deserialize, Serialize};

/// One node of a document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: Spanned<String>,
    /// Arguments and properties in the order of the text.
    pub entries: Vec<Entry>,
    /// What stands between its braces.
    pub children: Vec<Node>,
    /// From the name to the last entry: what labels point at.
    pub head: Span,
    /// From the name to the closing brace.
    pub span: Span,
}

/// An argument or a property.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// A property's name; none for an argument.
    pub name: Option<Spanned<String>>,
    /// The value.
    pub value: Value,
    /// Where the value stands.
    pub span: Span,
    /// The value was wrong in itself and has been reported: nothing more is to be said of it.
    pub reported: bool,
}

/// A value as KDL knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    Text(Text),
    /// A whole number.
    Integer {
        /// The number.
        value: i128,
        /// As it stands in the text.
        written: String,
    },
    /// A number with a point or an exponent.
    Float {
        /// The number.
        value: f64,
        /// As it stands in the text.
        written: String,
    },
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`.
    Null,
}

impl Value {
    /// What it is, for messages: `text`, `a whole number`, …
    pub fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer { .. } => "a whole number",
            Self::Float { .. } => "a number with a fraction",
            Self::Bool(_) => "a truth value",
            Self::Null => "`#null`",
        }
    }
}

/// Text with what matters of how it was quoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Text {
    /// The text, escapes put in and indentation of a `"""` block taken away.
    pub value: String,
    /// A raw string `#"…"#`, in which nothing is interpolated.
    pub raw: bool,
}

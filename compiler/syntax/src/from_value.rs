use forge_diag::{Code, Diagnostic, Span};

use crate::{Entry, Text, Value, quote};

/// Why a value does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistake {
    /// What to write instead.
    pub help: Option<String>,
    /// A code of its own; `forge::syntax::type` without.
    pub code: Option<Code>,
    /// The value as it is meant, and whether that is certain.
    pub mended: Option<(String, bool)>,
}

impl Mistake {
    /// With what to write instead.
    pub fn help(text: impl Into<String>) -> Self {
        Self { help: Some(text.into()), ..Self::default() }
    }

    /// With the value as it is meant; the help says the same.
    #[must_use]
    pub fn mended(mut self, text: impl Into<String>) -> Self {
        self.mended = Some((text.into(), true));
        self
    }

    /// With a value that may be meant; the help says the same.
    #[must_use]
    pub fn offered(mut self, text: impl Into<String>) -> Self {
        self.mended = Some((text.into(), false));
        self
    }

    /// The finding with this mistake's help and mend.
    #[must_use]
    pub fn explain(self, found: Diagnostic, span: Span) -> Diagnostic {
        let found = found.maybe_help(self.help);
        match self.mended {
            Some((text, true)) => found.mend(span, text),
            Some((text, false)) => found.offer(span, text),
            None => found,
        }
    }

    /// With a code of its own.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }
}

/// A type that a value can be read as.
pub trait FromValue: Sized {
    /// What must be written, for messages: `text in quotes`.
    const EXPECTED: &'static str;

    /// The value, or what to write instead.
    fn from_value(entry: &Entry) -> Result<Self, Mistake>;
}

impl FromValue for Text {
    const EXPECTED: &'static str = "text in quotes";

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        Err(match &entry.value {
            Value::Text(text) => return Ok(text.clone()),
            Value::Integer { written, .. } | Value::Float { written, .. } => {
                Mistake::help(format!("numbers are not text: write \"{written}\""))
                    .mended(quote(written))
            }
            Value::Bool(value) => {
                Mistake::help(format!("truth values are not text: write \"{value}\""))
                    .mended(quote(&value.to_string()))
            }
            Value::Null => Mistake::help("leave it out"),
        })
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = Text::EXPECTED;

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        Text::from_value(entry).map(|text| text.value)
    }
}

impl FromValue for bool {
    const EXPECTED: &'static str = "`#true` or `#false`";

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        match &entry.value {
            Value::Bool(value) => Ok(*value),
            Value::Text(text) => {
                let value = truth(&text.value);
                match (value, entry.reported) {
                    (Some(value), true) => Ok(value),
                    (Some(value), false) => {
                        let mended = format!("#{value}");
                        Err(Mistake::help(format!("write `{mended}`")).mended(mended))
                    }
                    (None, _) => Err(Mistake::default()),
                }
            }
            Value::Integer { .. } | Value::Float { .. } | Value::Null => Err(Mistake::default()),
        }
    }
}

/// The truth value that a word of other languages means.
pub(crate) fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

impl FromValue for i128 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        match &entry.value {
            Value::Integer { value, .. } => Ok(*value),
            Value::Text(text) if text.value.parse::<Self>().is_ok() => Err(unquoted(&text.value)),
            _ => Err(Mistake::default()),
        }
    }
}

fn unquoted(number: &str) -> Mistake {
    Mistake::help(format!("write `{number}` without quotes")).mended(number)
}

macro_rules! bounded {
    ($($type:ty: $expected:literal;)*) => {
        $(impl FromValue for $type {
            const EXPECTED: &'static str = $expected;

            fn from_value(entry: &Entry) -> Result<Self, Mistake> {
                let range = || Mistake::help(format!("it lies between {} and {}", Self::MIN, Self::MAX));
                i128::from_value(entry)?.try_into().map_err(|_| range())
            }
        })*
    };
}

bounded! {
    i64: "a whole number";
    i32: "a whole number";
    u64: "a whole number, not negative";
    u32: "a whole number, not negative";
}

impl FromValue for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        match &entry.value {
            Value::Float { value, .. } => Ok(*value),
            // Whole numbers stand in the text of a spec; those beyond 2^53 name nothing there.
            #[expect(clippy::cast_precision_loss, reason = "a number written by a person")]
            Value::Integer { value, .. } => Ok(*value as Self),
            Value::Text(text) if text.value.parse::<Self>().is_ok() => Err(unquoted(&text.value)),
            Value::Text(_) | Value::Bool(_) | Value::Null => Err(Mistake::default()),
        }
    }
}

impl FromValue for Value {
    const EXPECTED: &'static str = "a value";

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        Ok(entry.value.clone())
    }
}

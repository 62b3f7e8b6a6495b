//! Values of expectations: what each property takes, and what to write instead of anything else.

use forge_diag::{Diagnostic, Span, Spanned, codes};
use forge_model::{Property, Scalar, ValueKind};
use forge_param::ParamValue;
use forge_syntax::{Text, Value, did_you_mean};

use crate::control::Decoder;
use crate::scope::Filled;

/// What `type` can be.
const TYPES: [&str; 7] =
    ["file", "directory", "symlink", "character_device", "block_device", "pipe", "socket"];

impl Decoder<'_> {
    /// A text with parameters put in; empty while they are still to come.
    pub(crate) fn plain(&mut self, text: &Spanned<Text>) -> Option<String> {
        Some(self.scope.fill(text, self.sink)?.value.unwrap_or_default())
    }

    /// A literal as `property` takes it; anything else is reported.
    pub(crate) fn scalar(&mut self, property: Property, given: &Spanned<Value>) -> Option<Scalar> {
        match &given.value {
            Value::Text(text) => {
                let text = Spanned::new(text.clone(), given.span);
                let filled = self.scope.fill(&text, self.sink)?;
                self.text(property, &filled, given.span)
            }
            Value::Integer { value, written } => {
                self.integer(property, *value, written, given.span)
            }
            Value::Float { written, .. } => {
                let help = format!("write \"{written}\"");
                self.wrong_type(property, "a number with a fraction", help, given.span)
            }
            Value::Bool(value) if property == Property::Setting => Some(Scalar::Bool(*value)),
            Value::Bool(value) => {
                let help = format!("write \"{value}\" if it is text");
                self.wrong_type(property, "a truth value", help, given.span)
            }
            Value::Null => {
                self.wrong_type(property, "`#null`", "leave it out".to_owned(), given.span)
            }
        }
    }

    fn wrong_type(
        &mut self,
        property: Property,
        what: &str,
        help: String,
        span: Span,
    ) -> Option<Scalar> {
        let expected = match property.value_kind() {
            ValueKind::Number => "a whole number",
            ValueKind::Mode => "octal digits in quotes",
            _ => "text in quotes",
        };
        self.sink.push(
            Diagnostic::error(codes::SYNTAX_TYPE, format!("`{property}` must be {expected}"))
                .at(span, format!("this is {what}"))
                .help(help),
        );
        None
    }

    fn integer(
        &mut self,
        property: Property,
        value: i128,
        written: &str,
        span: Span,
    ) -> Option<Scalar> {
        let number = property.value_kind() == ValueKind::Number;
        if !number && !matches!(property, Property::Setting | Property::Value | Property::Content) {
            let help = if property == Property::Mode {
                format!("modes are octal: write \"{}\"", four_digits(written))
            } else {
                format!("numbers are not text: write \"{written}\"")
            };
            return self.wrong_type(property, "a number", help, span);
        }
        if let Ok(value) = i64::try_from(value) {
            return Some(Scalar::Integer(value));
        }
        let help = "numbers have 64 bits".to_owned();
        self.wrong_type(property, "a number too large", help, span)
    }

    fn text(&mut self, property: Property, filled: &Filled, span: Span) -> Option<Scalar> {
        let Some(text) = &filled.value else {
            // The value comes with the image; until then nothing can be said of it.
            return Some(Scalar::Text(String::new()));
        };
        match property.value_kind() {
            ValueKind::Number => match in_numbers(filled, text) {
                Some(number) if filled.interpolated => Some(Scalar::Integer(number)),
                _ => {
                    let help = format!("write `{property} {text}` without quotes");
                    let help = if text.parse::<i64>().is_ok() {
                        help
                    } else {
                        format!("`{text}` is no number")
                    };
                    self.wrong_type(property, "text", help, span)
                }
            },
            // In a document, a number is no text.
            ValueKind::Setting => Some(match &filled.whole {
                Some(ParamValue::Integer(number)) => Scalar::Integer(*number),
                Some(ParamValue::Bool(value)) => Scalar::Bool(*value),
                _ => Scalar::Text(text.clone()),
            }),
            ValueKind::Mode => self.mode(text, span),
            _ if matches!(property, Property::Type | Property::LeadsTo) => {
                self.file_type(text, span)
            }
            _ => Some(Scalar::Text(text.clone())),
        }
    }

    fn mode(&mut self, text: &str, span: Span) -> Option<Scalar> {
        let octal = text.len() <= 5 && text.chars().all(|c| ('0'..='7').contains(&c));
        let value = u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o7777);
        let Some(mode) = value.filter(|_| text.len() >= 3) else {
            self.sink.push(
                Diagnostic::error(codes::SPEC_MODE, format!("`{text}` is no file mode"))
                    .at(span, "expected octal digits")
                    .help("write it as \"0644\""),
            );
            return None;
        };
        let full = format!("{mode:04o}");
        if text != full {
            self.sink.push(
                Diagnostic::warning(codes::SPEC_MODE, format!("`{text}` is read as `{full}`"))
                    .at(span, "a mode has four octal digits")
                    .help(format!("write \"{full}\"")),
            );
        }
        Some(Scalar::Text(full))
    }

    fn file_type(&mut self, text: &str, span: Span) -> Option<Scalar> {
        if TYPES.contains(&text) {
            return Some(Scalar::Text(text.to_owned()));
        }
        self.sink.push(
            Diagnostic::error(codes::CONTROL_VALUE, format!("there is no file type `{text}`"))
                .at(span, "unknown type")
                .maybe_help(did_you_mean(text, TYPES)),
        );
        None
    }

    /// A regular expression, tried here so that a mistake in it is one of the profile.
    pub(crate) fn regex(&mut self, given: &Spanned<Value>) -> Option<String> {
        let Value::Text(text) = &given.value else {
            let help = "write it as `matches=#\"^key = \"#`".to_owned();
            self.wrong_type(Property::Content, given.value.what(), help, given.span);
            return None;
        };
        let text = Spanned::new(text.clone(), given.span);
        let Some(pattern) = self.scope.fill(&text, self.sink)?.value else {
            return Some(String::new());
        };
        if pattern.contains('\u{8}') {
            let headline = "`\\b` in a quoted text is a backspace, not a part of the pattern";
            let found = Diagnostic::error(codes::CONTROL_REGEX, headline)
                .at(given.span, "a quoted text")
                .help("a raw text keeps its backslashes: write `#\"…\"#`");
            // All that is escaped are the backspaces, and nothing is put in.
            let plain = !pattern.contains(['"', '\\', '\n', '\t', '\r', '$'])
                && matches!(&given.value, Value::Text(text) if text.value == pattern);
            self.sink.push(if plain {
                let raw = pattern.replace('\u{8}', "\\b");
                found.mend(given.span, format!("#\"{raw}\"#"))
            } else {
                found
            });
            return None;
        }
        let error = regex::RegexBuilder::new(&pattern).multi_line(true).build().err();
        let Some(error) = error else {
            return Some(pattern);
        };
        let story = error.to_string();
        let why = story.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let help = if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<")
        {
            "look-around does not exist here: ask two things, one of them in `not { … }`"
        } else {
            "write `\\` before a character that is meant as it stands"
        };
        self.sink.push(
            Diagnostic::error(
                codes::CONTROL_REGEX,
                format!("`{pattern}` is no regular expression"),
            )
            .at(given.span, why.to_owned())
            .help(help),
        );
        None
    }
}

/// A number as text; a size that a parameter has, in bytes.
fn in_numbers(filled: &Filled, text: &str) -> Option<i64> {
    match &filled.whole {
        Some(ParamValue::Size(size)) => i64::try_from(size.bytes()).ok(),
        _ => text.parse().ok(),
    }
}

fn four_digits(written: &str) -> String {
    let digits = written.trim_start_matches("0o").trim_start_matches('0');
    format!("{digits:0>4}")
}

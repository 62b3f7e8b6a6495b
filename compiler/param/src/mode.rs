use forge_diag::codes;
use forge_syntax::{Entry, FromValue, Mistake, Value};

/// A file mode: four octal digits in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

/// Whether a text is four octal digits.
pub fn is_mode(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit))
}

impl FromValue for Mode {
    const EXPECTED: &'static str = "four octal digits in quotes";

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        let digits = match &entry.value {
            Value::Text(text) => text.value.as_str(),
            Value::Integer { written, .. } => written.strip_prefix("0o").unwrap_or(written),
            Value::Float { .. } | Value::Bool(_) | Value::Null => "",
        };
        let octal = (1..=4).contains(&digits.len())
            && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        match (&entry.value, u32::from_str_radix(digits, 8)) {
            (Value::Text(_), Ok(mode)) if is_mode(digits) => Ok(Self(mode)),
            (_, Ok(mode)) if octal => {
                let mended = format!("\"{mode:04o}\"");
                let mistake = Mistake::help(format!("write {mended}")).mended(mended);
                Err(mistake.code(codes::SPEC_MODE))
            }
            _ => Err(Mistake::help("for example \"0644\"").code(codes::SPEC_MODE)),
        }
    }
}

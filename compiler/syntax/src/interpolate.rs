use crate::Text;

/// One piece of a text with `${name}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands, with `$${` already turned into `${`.
    Literal(String),
    /// `${name}`, or `${name.field}`.
    Name {
        /// The name, with the field if one is asked for.
        name: String,
        /// Which `${` of the text it is, `$${` not counted, from 0.
        index: usize,
    },
}

/// A `${` that is no `${name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPiece {
    /// What is wrong.
    pub why: &'static str,
    /// What was found, from `${` on.
    pub found: String,
}

/// The pieces of a text. Names are letters, digits, `-` and `_`, and begin with a letter; a field
/// may follow behind a point. A raw text is one literal.
pub fn pieces(text: &Text) -> Result<Vec<Piece>, BadPiece> {
    if text.raw {
        return Ok(vec![Piece::Literal(text.value.clone())]);
    }
    let (mut pieces, mut literal, mut rest, mut index) =
        (Vec::new(), String::new(), text.value.as_str(), 0);
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${");
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        literal.push_str(before);
        let (name, after) = name_of(from)?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Name { name: name.to_owned(), index });
        index += 1;
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// The name in a text that begins with `${`, and what follows the brace.
fn name_of(from: &str) -> Result<(&str, &str), BadPiece> {
    let inner = from.get(2..).unwrap_or_default();
    let bad = |why, length: usize| BadPiece { why, found: from.chars().take(length + 2).collect() };
    let Some((name, after)) = inner.split_once('}') else {
        return Err(bad("`${` is never closed", 20));
    };
    let word = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let good =
        name.split_once('.').map_or_else(|| word(name), |(name, field)| word(name) && word(field));
    if good {
        Ok((name, after))
    } else {
        Err(bad("this is no name", (name.chars().count() + 1).min(60)))
    }
}

/// The text with every `${name}` replaced by what `lookup` gives; an unknown name is an `Err`
/// with that name.
pub fn interpolate(
    text: &Text,
    mut lookup: impl FnMut(&str) -> Option<String>,
) -> Result<String, BadPiece> {
    let mut out = String::with_capacity(text.value.len());
    for piece in pieces(text)? {
        match piece {
            Piece::Literal(literal) => out.push_str(&literal),
            Piece::Name { name, .. } => match lookup(&name) {
                Some(value) => out.push_str(&value),
                None => {
                    return Err(BadPiece {
                        why: "nothing gives it a value",
                        found: format!("${{{name}}}"),
                    });
                }
            },
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_and_doubled_dollars_are_not() {
        let cases = [
            ("a ${b-1} c", Ok("a [b-1] c")),
            ("${b}${b}", Ok("[b][b]")),
            ("$${b}", Ok("${b}")),
            ("$b $ {", Ok("$b $ {")),
            ("", Ok("")),
            ("${x", Err("${x")),
            ("${ b }", Err("${ b }")),
            ("${b.c}", Ok("[b.c]")),
            ("${b.}", Err("${b.}")),
            ("${b.c.d}", Err("${b.c.d}")),
            ("${none}", Err("${none}")),
        ];
        for (text, want) in cases {
            let value = Text { value: text.to_owned(), raw: false };
            let got = interpolate(&value, |name| (name != "none").then(|| format!("[{name}]")));
            assert_eq!(got.as_deref().map_err(|bad| bad.found.as_str()), want, "{text}");
        }
        let raw = Text { value: "${b}".to_owned(), raw: true };
        assert_eq!(interpolate(&raw, |_| None), Ok("${b}".to_owned()));
    }
}

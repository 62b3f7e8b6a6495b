use forge_model::{Expectation, Operator, Property, Resource, Scalar};

/// An expectation in words, the same on every run: `file /etc/motd: mode is "0644"`. Reports and
/// stored verdicts use it as the expectation's name.
pub fn describe(resource: &Resource, expected: &Expectation) -> String {
    format!("{resource}: {}", demand(expected))
}

fn demand(expected: &Expectation) -> String {
    let Expectation { property, negated, operator, origin: _ } = expected;
    let not = if *negated { "not " } else { "" };
    let does_not = |verb: &str, plain: &str| {
        if *negated { format!("does not {plain}") } else { verb.to_owned() }
    };
    match operator {
        Operator::IsTrue if *property == Property::Exists => does_not("exists", "exist"),
        Operator::IsTrue => format!("is {not}{property}"),
        Operator::OneOf(values) => match values.as_slice() {
            [value] => format!("{property} is {not}{}", literal(value)),
            values => format!("{property} is {not}one of {}", literals(values)),
        },
        Operator::Includes(value) => {
            format!("{property} {} {}", does_not("includes", "include"), literal(value))
        }
        Operator::Matches(regex) => {
            format!("{property} {} /{regex}/", does_not("matches", "match"))
        }
        Operator::Min(value) if *property == Property::Mode => {
            format!("{property} {} all of {}", does_not("has", "have"), literal(value))
        }
        Operator::Max(value) if *property == Property::Mode => {
            format!("{property} {} within {}", does_not("stays", "stay"), literal(value))
        }
        Operator::Min(value) => format!("{property} is {not}at least {}", literal(value)),
        Operator::Max(value) => format!("{property} is {not}at most {}", literal(value)),
        Operator::Above(value) => format!("{property} is {not}above {}", literal(value)),
        Operator::Below(value) => format!("{property} is {not}below {}", literal(value)),
        Operator::Setting { key, values, separator: _, section } => {
            let section = section.as_ref().map(|name| format!("[{name}] ")).unwrap_or_default();
            let choice = if values.len() > 1 { "one of " } else { "" };
            format!("setting {section}\"{key}\" is {not}{choice}{}", literals(values))
        }
        Operator::Document { pointer, values, format: _ } => {
            let choice = if values.len() > 1 { "one of " } else { "" };
            format!("setting {pointer} is {not}{choice}{}", literals(values))
        }
        Operator::Keyword { key, values } if values.is_empty() => format!("{key} is {not}absent"),
        Operator::Keyword { key, values } => {
            let choice = if values.len() > 1 { "one of " } else { "" };
            format!("{key} is {not}{choice}{}", literals(values))
        }
    }
}

fn literal(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => format!("{text:?}"),
        Scalar::Integer(_) | Scalar::Bool(_) | Scalar::Null => value.to_string(),
    }
}

fn literals(values: &[Scalar]) -> String {
    values.iter().map(literal).collect::<Vec<_>>().join(", ")
}

//! Where in a text a value stands: values themselves are read without their places.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::{parts, place};

/// The line of what a pointer leads to in JSON.
pub(super) fn of_json(text: &str, pointer: &str) -> Option<usize> {
    let mut here: &RawValue = serde_json::from_str(text).ok()?;
    for part in parts(pointer) {
        here = if here.get().starts_with('{') {
            // Of a name that stands twice, the last counts.
            let mut map: BTreeMap<String, &RawValue> = serde_json::from_str(here.get()).ok()?;
            map.remove(&part)?
        } else {
            let items: Vec<&RawValue> = serde_json::from_str(here.get()).ok()?;
            items.into_iter().nth(place(&part)?)?
        };
    }
    // It is borrowed from the text.
    let offset = here.get().as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    line_at(text, offset)
}

/// The line of what a pointer leads to in TOML.
pub(super) fn of_toml(text: &str, pointer: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let offset = table.span().start;
    let mut here = (DeValue::Table(table.into_inner()), offset);
    for part in parts(pointer) {
        let found = match here.0 {
            DeValue::Table(mut table) => table.remove(part.as_str())?,
            DeValue::Array(items) => items.into_iter().nth(place(&part)?)?,
            _ => return None,
        };
        let offset = found.span().start;
        here = (found.into_inner(), offset);
    }
    line_at(text, here.1)
}

fn line_at(text: &str, offset: usize) -> Option<usize> {
    Some(text.get(..offset)?.matches('\n').count() + 1)
}

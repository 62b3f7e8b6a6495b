//! Waivers: controls that somebody has decided not to run, or whose failures are known.

use std::collections::BTreeMap;

use crate::value::Value;
use crate::yaml;

/// A day, as year, month and day.
pub type Day = (i32, u32, u32);

/// A waiver of a control.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiver {
    /// Why.
    pub justification: String,
    /// The control is not run while the waiver lasts.
    pub skips: bool,
    /// The first day on which it counts no longer.
    pub expires: Option<Day>,
    /// Why it does not count, when it does not.
    pub message: String,
}

/// Waivers by control.
#[derive(Clone, Debug, Default)]
pub struct Waivers {
    by_control: BTreeMap<String, Waiver>,
}

impl Waivers {
    /// Those of a YAML or JSON file: the control's id to `justification`, `run` and
    /// `expiration_date`. `today` decides which have expired.
    pub fn parse(text: &str, today: Day) -> Result<Self, String> {
        let Value::Hash(map) = yaml::parse(text)? else {
            return Err("a file of waivers has an entry for each control".to_owned());
        };
        let mut by_control = BTreeMap::new();
        for (id, entry) in map.borrow().iter() {
            let id = id.text().to_string();
            let Value::Hash(entry) = entry else {
                return Err(format!("the waiver of `{id}` has no `justification`"));
            };
            let entry = entry.borrow();
            let justification = entry.text("justification").map_or("".into(), Value::text);
            let runs = match entry.text("run") {
                None => true,
                Some(Value::Bool(runs)) => *runs,
                Some(other) => match &*other.text().to_lowercase() {
                    "true" | "yes" => true,
                    "false" | "no" => false,
                    other => return Err(format!("`run` of the waiver of `{id}` is `{other}`")),
                },
            };
            let expires = match entry.text("expiration_date") {
                None | Some(Value::Nil) => None,
                Some(date) => Some(day(&date.text()).ok_or_else(|| {
                    format!("`{}` in the waiver of `{id}` is no date", date.text())
                })?),
            };
            let expired = expires.filter(|expires| *expires <= today);
            let message = expired.map_or_else(String::new, |(year, month, day)| {
                format!(
                    "Waiver expired on {year:04}-{month:02}-{day:02}, evaluating control normally"
                )
            });
            let skips = !runs && expired.is_none();
            let justification = justification.to_string();
            by_control.insert(id, Waiver { justification, skips, expires, message });
        }
        Ok(Self { by_control })
    }

    /// Leaves a control out for good.
    pub fn skip(&mut self, id: &str, why: &str) {
        let waiver = Waiver { justification: why.to_owned(), skips: true, ..Waiver::default() };
        self.by_control.insert(id.to_owned(), waiver);
    }

    /// What a report says of a control that is left out.
    pub fn message(why: &str) -> String {
        format!("Skipped control due to waiver condition: {why}")
    }

    /// Adds those of another file; it wins.
    pub fn add(&mut self, other: Self) {
        self.by_control.extend(other.by_control);
    }

    /// The waiver of a control.
    pub fn get(&self, id: &str) -> Option<&Waiver> {
        self.by_control.get(id)
    }

    /// Ids of controls with a waiver.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_control.keys().map(String::as_str)
    }

    /// The waiver of a control, as reports of `InSpec` have it.
    pub fn data(&self, id: &str) -> Option<serde_json::Value> {
        let Waiver { justification, skips, expires: _, message } = self.get(id)?;
        Some(serde_json::json!({
            "justification": justification,
            "run": !skips,
            "skipped_due_to_waiver": skips,
            "message": message,
        }))
    }

    pub(crate) fn skips(&self, id: &str) -> bool {
        self.by_control.get(id).is_some_and(|waiver| waiver.skips)
    }

    /// Why a control is not run; none of one that is.
    pub fn justification(&self, id: &str) -> Option<&str> {
        let waiver = self.by_control.get(id).filter(|waiver| waiver.skips)?;
        Some(&waiver.justification)
    }
}

/// `2027-01-31`, perhaps with a time behind it.
fn day(text: &str) -> Option<Day> {
    let date = text.trim().split([' ', 'T']).next()?;
    let mut parts = date.split(['-', '/']);
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    parts.next().is_none().then_some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waivers_last_until_their_day() {
        let text = "a:\n  justification: known\n  run: false\n  expiration_date: 2027-01-31\n\
                    b:\n  justification: seen\n  run: no\n  expiration_date: 2026-01-31\n\
                    c:\n  justification: runs\n";
        let waivers = Waivers::parse(text, (2026, 1, 31)).unwrap();
        assert_eq!(waivers.justification("a"), Some("known"));
        assert_eq!(waivers.justification("b"), None);
        let message = "Waiver expired on 2026-01-31, evaluating control normally";
        assert_eq!(waivers.get("b").unwrap().message, message);
        assert_eq!(waivers.justification("c"), None);
        assert!(waivers.get("d").is_none());
    }

    #[test]
    fn what_is_no_waiver() {
        for text in ["- a", "a: 1", "a:\n  run: perhaps", "a:\n  expiration_date: soon"] {
            assert!(Waivers::parse(text, (2026, 1, 1)).is_err(), "{text}");
        }
    }
}

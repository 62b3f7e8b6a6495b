//! The image's `/etc/login.defs`, with the defaults of shadow-utils.

use std::collections::BTreeMap;

use forge_model::ImagePath;

use super::super::error::Problem;
use super::super::working::Working;
use super::ids::Space;

pub(super) struct LoginDefs(BTreeMap<String, String>);

impl LoginDefs {
    pub(super) fn read(work: &Working<'_>) -> Result<Self, Problem> {
        let path = ImagePath::new("etc/login.defs").unwrap_or(ImagePath::ROOT);
        let path = work.resolve(&path, true)?;
        let bytes = work.content(&path)?.unwrap_or_default();
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    fn parse(text: &str) -> Self {
        let mut values = BTreeMap::new();
        for line in text.lines() {
            let line = line.trim();
            let mut words = line.splitn(2, char::is_whitespace);
            let key = words.next().unwrap_or_default();
            if !key.is_empty() && !key.starts_with('#') {
                let value = words.next().unwrap_or_default().trim().trim_matches('"');
                values.insert(key.to_owned(), value.to_owned());
            }
        }
        Self(values)
    }

    /// A number, written decimal, `0` octal or `0x` hexadecimal.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        let text = self.0.get(key)?;
        match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(text, 8).ok(),
            None => text.parse().ok(),
        }
    }

    fn id(&self, key: &str, default: u32) -> u32 {
        self.number(key).and_then(|id| id.try_into().ok()).unwrap_or(default)
    }

    /// Lowest and highest id that is chosen.
    pub(super) fn range(&self, space: Space, system: bool) -> (u32, u32) {
        let key = match space {
            Space::User => "UID",
            Space::Group => "GID",
        };
        let low = self.id(&format!("{key}_MIN"), 1000);
        if system {
            let high = self.id(&format!("SYS_{key}_MAX"), low.saturating_sub(1));
            (self.id(&format!("SYS_{key}_MIN"), 101), high)
        } else {
            (low, self.id(&format!("{key}_MAX"), 60000))
        }
    }

    /// Lowest and highest subordinate id, and how many an account gets.
    pub(super) fn subordinate(&self, space: Space) -> ((u64, u64), u64) {
        let key = match space {
            Space::User => "UID",
            Space::Group => "GID",
        };
        let get = |name: String, default: u64| {
            self.number(&name).and_then(|value| value.try_into().ok()).unwrap_or(default)
        };
        let low = get(format!("SUB_{key}_MIN"), 100_000);
        let high = get(format!("SUB_{key}_MAX"), 600_100_000);
        ((low, high), get(format!("SUB_{key}_COUNT"), 65536))
    }

    /// Permission bits of a new home: `HOME_MODE`, or what `UMASK` leaves of 0777.
    pub(super) fn home_mode(&self) -> u32 {
        let mode = self.number("HOME_MODE").or_else(|| Some(0o777 & !self.number("UMASK")?));
        mode.and_then(|mode| u32::try_from(mode & 0o7777).ok()).unwrap_or(0o755)
    }

    /// A count of days for `/etc/shadow`; empty when it is not limited.
    pub(super) fn days(&self, key: &str) -> String {
        self.number(key).filter(|days| *days >= 0).map_or_else(String::new, |days| days.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_shadow_utils_do() {
        let defs = LoginDefs::parse(
            "# UID_MIN 5\nUID_MIN\t\t 2000\nSYS_UID_MIN 0x64\nUMASK 027\nPASS_MAX_DAYS 99999\n\
             PASS_MIN_DAYS -1\nGID_MAX \"70000\"\n",
        );
        assert_eq!(defs.range(Space::User, false), (2000, 60000));
        assert_eq!(defs.range(Space::User, true), (100, 1999));
        assert_eq!(defs.range(Space::Group, false), (1000, 70000));
        assert_eq!(defs.range(Space::Group, true), (101, 999));
        assert_eq!(defs.home_mode(), 0o750);
        assert_eq!(LoginDefs::parse("HOME_MODE 0700\nUMASK 022").home_mode(), 0o700);
        assert_eq!(LoginDefs::parse("").home_mode(), 0o755);
        assert_eq!(defs.days("PASS_MAX_DAYS"), "99999");
        assert_eq!(defs.days("PASS_MIN_DAYS"), "");
    }
}

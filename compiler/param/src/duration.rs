use std::fmt;

/// A span of time as systemd.time(7) writes it, in whole microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// The largest first, as they stand in a text.
const UNITS: [(&str, u64); 7] = [
    ("w", 7 * 24 * 3600 * 1_000_000),
    ("d", 24 * 3600 * 1_000_000),
    ("h", 3600 * 1_000_000),
    ("min", 60 * 1_000_000),
    ("s", 1_000_000),
    ("ms", 1000),
    ("us", 1),
];

/// Other names of the units.
const MEANT: [(&str, &str); 23] = [
    ("weeks", "w"),
    ("week", "w"),
    ("days", "d"),
    ("day", "d"),
    ("hours", "h"),
    ("hour", "h"),
    ("hrs", "h"),
    ("hr", "h"),
    ("H", "h"),
    ("minutes", "min"),
    ("minute", "min"),
    ("mins", "min"),
    ("m", "min"),
    ("seconds", "s"),
    ("second", "s"),
    ("secs", "s"),
    ("sec", "s"),
    ("S", "s"),
    ("msec", "ms"),
    ("msecs", "ms"),
    ("usec", "us"),
    ("usecs", "us"),
    ("\u{b5}s", "us"),
];

impl Duration {
    /// This many microseconds.
    pub fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// In microseconds.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// `"90s"`, `"5min"`, `"1h 30min"`. What is something else, with a time that may be meant.
    pub fn parse(text: &str) -> Result<Self, Option<Self>> {
        Self::exact(text, |unit| unit)
            .ok_or_else(|| Self::exact(text, |unit| meant(unit)).filter(|time| time.0 > 0))
    }

    /// Numbers with units, a larger unit before a smaller one.
    fn exact<'a>(text: &'a str, name: impl Fn(&'a str) -> &'a str) -> Option<Self> {
        if text == "0" {
            return Some(Self(0));
        }
        let (mut rest, mut total, mut smallest) = (text.trim(), 0_u64, None::<u64>);
        if rest.is_empty() || rest.len() != text.len() {
            return None;
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, after) = rest.split_at(digits);
            let after = after.strip_prefix(' ').filter(|_| name("m") == "min").unwrap_or(after);
            let end = after.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            let (_, length) = UNITS.iter().find(|(known, _)| *known == name(unit))?;
            if smallest.is_some_and(|smallest| *length >= smallest) {
                return None;
            }
            smallest = Some(*length);
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        Some(Self(total))
    }
}

fn meant(unit: &str) -> &str {
    MEANT.iter().find(|(other, _)| *other == unit).map_or(unit, |(_, name)| *name)
}

/// As systemd writes it: the largest units first, with blanks between.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0");
        }
        let mut blank = "";
        for (unit, length) in UNITS {
            let number = rest / length;
            rest %= length;
            if number > 0 {
                write!(f, "{blank}{number}{unit}")?;
                blank = " ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_spelling() {
        let cases = [
            ("0", Ok("0")),
            ("5min", Ok("5min")),
            ("90s", Ok("1min 30s")),
            ("1h30min", Ok("1h 30min")),
            ("1h 30min", Ok("1h 30min")),
            ("2d", Ok("2d")),
            ("100ms", Ok("100ms")),
            ("18446744073709551615us", Ok("30500568w 6d 8h 1min 49s 551ms 615us")),
            ("30500569w", Err(None)),
            ("5m", Err(Some("5min"))),
            ("5 minutes", Err(Some("5min"))),
            ("1 hour 30 minutes", Err(Some("1h 30min"))),
            ("30sec", Err(Some("30s"))),
            ("30min 1h", Err(None)),
            ("1h 1h", Err(None)),
            ("90", Err(None)),
            ("", Err(None)),
            (" 5min", Err(None)),
            ("1.5h", Err(None)),
            ("-5min", Err(None)),
            ("soon", Err(None)),
        ];
        for (text, want) in cases {
            let got = Duration::parse(text);
            let got = got.map(|time| time.to_string()).map_err(|near| near.map(|n| n.to_string()));
            let got = got.as_deref().map_err(|near| near.as_deref());
            assert_eq!(got, want, "{text}");
        }
    }
}

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A day of the calendar, by UTC.
///
/// Its text is `2027-01-31`. The compiler has no clock: what day it is comes from whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day {
    year: i32,
    month: u32,
    of_month: u32,
}

/// A text that names no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDay;

impl fmt::Display for NoDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no day of the calendar, which is written as in `2027-01-31`")
    }
}

impl std::error::Error for NoDay {}

impl Day {
    /// The day of a time in seconds since 1970, by the proleptic Gregorian calendar (Howard
    /// Hinnant's `civil_from_days`).
    pub fn of_seconds(seconds: u64) -> Self {
        let days = seconds / 86_400 + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let small = |value: u64| u32::try_from(value).unwrap_or(0);
        let year = i32::try_from(year).unwrap_or(i32::MAX);
        Self { year, month: small(month), of_month: small(day) }
    }

    /// Year, month and day, both from 1.
    pub fn parts(self) -> (i32, u32, u32) {
        (self.year, self.month, self.of_month)
    }

    /// The days from this one to a later one; negative when that one is earlier.
    pub fn days_to(self, later: Self) -> i64 {
        later.number() - self.number()
    }

    /// The day's number, counted from the first of March of the year 0 (`days_from_civil`).
    fn number(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let month = (i64::from(self.month) + 9) % 12;
        let of_year = (153 * month + 2) / 5 + i64::from(self.of_month) - 1;
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.of_month)
    }
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits).ok_or(NoDay)?;
            let all = part.bytes().all(|byte| byte.is_ascii_digit());
            if all { part.parse::<u32>().map_err(|_| NoDay) } else { Err(NoDay) }
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        if parts.next().is_some() || day == 0 || day > length(year, month) {
            return Err(NoDay);
        }
        Ok(Self { year: i32::try_from(year).map_err(|_| NoDay)?, month, of_month: day })
    }
}

/// The days of a month; none of one that the year does not have.
fn length(year: u32, month: u32) -> u32 {
    let leaps = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leaps => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = NoDay;

    fn try_from(text: String) -> Result<Self, NoDay> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar() {
        for good in ["2027-01-31", "2024-02-29", "2000-02-29", "1970-01-01", "9999-12-31"] {
            assert_eq!(good.parse::<Day>().map(|day| day.to_string()).as_deref(), Ok(good));
        }
        let bad = [
            "2027-02-29",
            "1900-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-01-00",
            "2027-04-31",
            "2027-1-31",
            "27-01-31",
            "2027-01-31T00:00",
            "2027/01/31",
            "+027-01-31",
            "soon",
            "",
        ];
        for bad in bad {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_fall_on_days() {
        let shown = |seconds| Day::of_seconds(seconds).to_string();
        assert_eq!(shown(0), "1970-01-01");
        assert_eq!(shown(86_399), "1970-01-01");
        assert_eq!(shown(951_782_400), "2000-02-29");
        assert_eq!(shown(1_800_000_000), "2027-01-15");
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(day("2027-01-31").days_to(day("2027-02-01")), 1);
        assert_eq!(day("2024-02-28").days_to(day("2024-03-01")), 2);
        assert_eq!(day("2027-03-01").days_to(day("2027-02-27")), -2);
        assert_eq!(day("1970-01-01").days_to(day("2027-01-15")), 20_833);
    }
}

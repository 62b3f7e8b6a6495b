//! `Date`, `Time` and `DateTime`. The clock is the caller's: nothing here reads one.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use super::Called;
use crate::interp::Machine;
use crate::stop::Stop;
use crate::value::Value;

/// What a moment was made as: differences and texts depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Date,
    Time,
    DateTime,
}

/// A day, or a time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: NaiveDateTime,
    pub(crate) kind: Kind,
}

impl Moment {
    pub(crate) fn class_name(self) -> &'static str {
        match self.kind {
            Kind::Date => "Date",
            Kind::Time => "Time",
            Kind::DateTime => "DateTime",
        }
    }

    /// `to_s`.
    pub(crate) fn text(self) -> String {
        self.format(match self.kind {
            Kind::Date => "%Y-%m-%d",
            Kind::Time => "%Y-%m-%d %H:%M:%S UTC",
            Kind::DateTime => "%Y-%m-%dT%H:%M:%S+00:00",
        })
        .unwrap_or_default()
    }

    /// `strftime`; none for a form that nobody knows.
    fn format(self, form: &str) -> Option<String> {
        use std::fmt::Write as _;
        let mut out = String::new();
        write!(out, "{}", self.at.and_utc().format(form)).ok()?;
        Some(out)
    }

    fn value(self) -> Value {
        Value::Moment(self)
    }
}

/// Calls on the classes themselves: `Date.today`, `Time.now`, `Date.parse`.
pub(super) fn of_class(
    machine: &mut Machine<'_>,
    class: &str,
    name: &str,
    args: &[Value],
) -> Called {
    let kind = match class {
        "Date" => Kind::Date,
        "Time" => Kind::Time,
        _ => Kind::DateTime,
    };
    let moment = |at: NaiveDateTime| {
        let at = if kind == Kind::Date { at.date().into() } else { at };
        Moment { at, kind }.value()
    };
    let texts = (args.first(), args.get(1));
    Ok(Some(match (name, texts) {
        ("today" | "now", _) | ("new", (None, _)) => match machine.state.now {
            Some(seconds) => match DateTime::from_timestamp(seconds, 0) {
                Some(at) => moment(at.naive_utc()),
                None => return Err(machine.raise("RangeError", "the clock is out of range")),
            },
            None => Value::Unknown("nobody said what time it is".into()),
        },
        ("at", (Some(Value::Int(seconds)), _)) => match DateTime::from_timestamp(*seconds, 0) {
            Some(at) => moment(at.naive_utc()),
            None => return Err(machine.raise("RangeError", "the time is out of range")),
        },
        ("parse" | "iso8601", (Some(text), _)) => moment(parsed(machine, &text.text())?),
        ("strptime", (Some(text), Some(form))) => {
            let (text, form) = (text.text(), form.text());
            let day = || NaiveDate::parse_from_str(&text, &form).map(NaiveDateTime::from);
            match NaiveDateTime::parse_from_str(&text, &form).or_else(|_| day()) {
                Ok(at) => moment(at),
                Err(_) => return Err(machine.raise("Date::Error", "invalid date")),
            }
        }
        ("new" | "civil" | "gm" | "utc" | "mktime" | "local", _) => {
            let part = |at: usize, default: i64| {
                args.get(at)
                    .map_or(Some(default), Value::as_int)
                    .and_then(|n| i32::try_from(n).ok())
            };
            match civil(&part) {
                Some(at) => moment(at),
                None => return Err(machine.raise("Date::Error", "invalid date")),
            }
        }
        ("valid_date?" | "valid_civil?", _) => {
            let part = |at: usize, _: i64| {
                args.get(at).and_then(Value::as_int).and_then(|n| i32::try_from(n).ok())
            };
            day(&part).is_some().into()
        }
        _ => return Err(machine.needs_ruby(format!("`{class}.{name}`"))),
    }))
}

/// A day of its year, month and day; a negative day counts from the month's end.
fn day(part: &dyn Fn(usize, i64) -> Option<i32>) -> Option<NaiveDate> {
    let (year, month, day) = (part(0, -4712)?, part(1, 1)?, part(2, 1)?);
    let first = NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, 1)?;
    match u64::try_from(day) {
        Ok(day) => first.with_day(u32::try_from(day).ok()?),
        Err(_) => first
            .checked_add_months(Months::new(1))?
            .checked_sub_days(Days::new(u64::from(day.unsigned_abs())))
            .filter(|found| found.month() == first.month()),
    }
}

fn civil(part: &dyn Fn(usize, i64) -> Option<i32>) -> Option<NaiveDateTime> {
    let small = |at: usize| part(at, 0).and_then(|n| u32::try_from(n).ok());
    day(part)?.and_hms_opt(small(3)?, small(4)?, small(5)?)
}

/// A date or time in one of the forms that profiles write.
fn parsed(machine: &Machine<'_>, text: &str) -> Result<NaiveDateTime, Stop> {
    const TIMES: [&str; 5] = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S UTC",
        "%a %B %d %H:%M:%S %Y",
        "%B %d %H:%M:%S %Y",
    ];
    const DAYS: [&str; 9] = [
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y%m%d",
        "%B %d, %Y",
        "%B %d %Y",
        "%d %B %Y",
        "%d-%B-%Y",
        "%d %B, %Y",
        "%a, %d %B %Y",
    ];
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.naive_utc());
    }
    if let Ok(at) = DateTime::parse_from_rfc2822(text) {
        return Ok(at.naive_utc());
    }
    let time = TIMES.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let day = || DAYS.iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok());
    match time.or_else(|| day().map(NaiveDateTime::from)) {
        Some(at) => Ok(at),
        // Ruby takes nearly anything for a date.
        None if text.bytes().any(|b| b.is_ascii_digit()) => {
            Err(machine.needs_ruby(format!("the date `{text}`")))
        }
        None => Err(machine.raise("Date::Error", "invalid date")),
    }
}

/// Methods of a moment.
pub(crate) fn call(machine: &mut Machine<'_>, own: Moment, name: &str, args: &[Value]) -> Called {
    if let Some(value) = compared(machine, own, name, args)? {
        return Ok(Some(value));
    }
    let count = args.first().map_or(Some(1), Value::as_int);
    let moved = |at: Option<NaiveDateTime>| match at {
        Some(at) => Ok(Some(Moment { at, ..own }.value())),
        None => Err(machine.raise("RangeError", "the date is out of range")),
    };
    let number = |value: u32| Some(Value::Int(i64::from(value)));
    Ok(match (name, count) {
        ("+", Some(count)) => return moved(shifted(own, Some(count))),
        ("-", Some(count)) => return moved(shifted(own, count.checked_neg())),
        ("next_day", Some(days)) => return moved(by_days(own.at, Some(days))),
        ("prev_day", Some(days)) => return moved(by_days(own.at, days.checked_neg())),
        (">>" | "next_month", Some(months)) => return moved(by_months(own.at, Some(months))),
        ("<<" | "prev_month", Some(months)) => {
            return moved(by_months(own.at, months.checked_neg()));
        }
        ("next_year", Some(years)) => return moved(by_months(own.at, years.checked_mul(12))),
        ("prev_year", Some(years)) => return moved(by_months(own.at, years.checked_mul(-12))),
        ("year", _) => Some(Value::Int(i64::from(own.at.year()))),
        ("month" | "mon", _) => number(own.at.month()),
        ("day" | "mday", _) => number(own.at.day()),
        ("yday", _) => number(own.at.ordinal()),
        ("wday", _) => number(own.at.weekday().num_days_from_sunday()),
        ("hour", _) => number(own.at.hour()),
        ("min" | "minute", _) => number(own.at.minute()),
        ("sec" | "second", _) => number(own.at.second()),
        ("to_i", _) if own.kind == Kind::Time => Some(Value::Int(own.at.and_utc().timestamp())),
        ("to_f", _) if own.kind == Kind::Time => {
            Some(Value::Float(crate::value::int_to_float(own.at.and_utc().timestamp())))
        }
        ("utc" | "getutc" | "gmtime" | "getgm" | "localtime" | "getlocal" | "round", _) => {
            Some(own.value())
        }
        ("to_date", _) => Some(Moment { at: own.at.date().into(), kind: Kind::Date }.value()),
        ("to_time", _) => Some(Moment { kind: Kind::Time, ..own }.value()),
        ("to_datetime", _) => Some(Moment { kind: Kind::DateTime, ..own }.value()),
        ("to_s" | "iso8601" | "inspect", _) => Some(own.text().into()),
        ("strftime", _) => {
            let form = args.first().map_or("".into(), Value::text);
            match own.format(&form) {
                Some(text) => Some(text.into()),
                None => return Err(machine.needs_ruby(format!("the form `{form}` of a date"))),
            }
        }
        _ => None,
    })
}

/// Differences, and which one is the later.
fn compared(machine: &Machine<'_>, own: Moment, name: &str, args: &[Value]) -> Called {
    let Some(Value::Moment(other)) = args.first() else {
        let orders = matches!(name, "<" | "<=" | ">" | ">=");
        return match args.first() {
            Some(other) if orders => {
                let (kind, with) = (own.class_name(), other.inspect());
                let why = format!("comparison of {kind} with {with} failed");
                Err(machine.raise("ArgumentError", why))
            }
            _ => Ok(None),
        };
    };
    let order = own.at.cmp(&other.at);
    Ok(Some(match name {
        "<" => order.is_lt().into(),
        "<=" => order.is_le().into(),
        ">" => order.is_gt().into(),
        ">=" => order.is_ge().into(),
        "==" => order.is_eq().into(),
        "!=" => order.is_ne().into(),
        "<=>" => Value::Int(order as i64),
        "between?" => match args.get(1) {
            Some(Value::Moment(last)) => (order.is_ge() && own.at <= last.at).into(),
            _ => return Ok(None),
        },
        "-" => {
            let seconds = (own.at - other.at).num_seconds();
            match own.kind {
                Kind::Time => Value::Float(crate::value::int_to_float(seconds)),
                // A rational in Ruby; whole days are what profiles ask for.
                Kind::Date => Value::Int(seconds / DAY),
                Kind::DateTime => {
                    let (days, day) =
                        (crate::value::int_to_float(seconds), crate::value::int_to_float(DAY));
                    Value::Float(days / day)
                }
            }
        }
        _ => return Ok(None),
    }))
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Days for a date, seconds for a time.
fn shifted(own: Moment, count: Option<i64>) -> Option<NaiveDateTime> {
    match own.kind {
        Kind::Time => own.at.checked_add_signed(TimeDelta::try_seconds(count?)?),
        Kind::Date | Kind::DateTime => by_days(own.at, count),
    }
}

fn by_days(at: NaiveDateTime, days: Option<i64>) -> Option<NaiveDateTime> {
    at.checked_add_signed(TimeDelta::try_days(days?)?)
}

fn by_months(at: NaiveDateTime, months: Option<i64>) -> Option<NaiveDateTime> {
    let months = months?;
    let many = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { at.checked_sub_months(many) } else { at.checked_add_months(many) }
}

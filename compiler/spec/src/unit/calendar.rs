//! Calendar events of systemd.time(7).

/// Words that stand for a whole event.
const WORDS: [&str; 11] = [
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "annually",
    "yearly",
    "biannually",
    "anually",
];

const DAYS: [(&str, &str); 7] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
    ("sun", "sunday"),
];

/// Whether systemd takes a text for a calendar event: days of the week, a date, a time and a time
/// zone, any of them left out but not all.
pub(super) fn is_event(text: &str) -> bool {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if let [zone] | [.., zone] = words.as_slice()
        && words.len() > 1
        && is_zone(zone)
    {
        words.pop();
    }
    if let [word] = words.as_slice() {
        let lower = word.to_ascii_lowercase();
        if WORDS.contains(&lower.as_str()) {
            return true;
        }
        if let Some(seconds) = word.strip_prefix('@') {
            return is_number(seconds);
        }
    }
    let mut rest = words.as_slice();
    if let [first, after @ ..] = rest
        && are_days(first)
    {
        rest = after;
        // Days may stand apart, with commas between.
        while let [next, after @ ..] = rest
            && are_days(next)
        {
            rest = after;
        }
    }
    match rest {
        [] => !words.is_empty(),
        [one] => is_time(one) || is_date(one),
        [date, time] => is_date(date) && is_time(time),
        _ => false,
    }
}

/// UTC, or a name as the directory of zones has it.
fn is_zone(word: &str) -> bool {
    word.eq_ignore_ascii_case("utc")
        || (word.starts_with(|c: char| c.is_ascii_alphabetic())
            && !are_days(word)
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte)))
}

fn are_days(word: &str) -> bool {
    let is_day = |day: &str| {
        let day = day.to_ascii_lowercase();
        DAYS.iter().any(|(short, long)| day == *short || day == *long)
    };
    let range = |part: &str| match part.split_once("..").or_else(|| part.split_once('-')) {
        Some((from, to)) => is_day(from) && is_day(to),
        None => is_day(part),
    };
    word.trim_end_matches(',').split(',').all(range)
}

/// `YEAR-MONTH-DAY`, `MONTH-DAY`; `~` before a day counts from the month's end.
fn is_date(word: &str) -> bool {
    let Some((before, day)) = word.rsplit_once(['-', '~']) else { return false };
    let fields: Vec<&str> = before.split('-').collect();
    let (year, month) = match fields.as_slice() {
        [month] => ("*", *month),
        [year, month] => (*year, *month),
        _ => return false,
    };
    is_chain(year, 0, 9999) && is_chain(month, 1, 12) && is_chain(day, 1, 31)
}

/// `HOUR:MINUTE`, `HOUR:MINUTE:SECOND`, seconds with a fraction.
fn is_time(word: &str) -> bool {
    let fields: Vec<&str> = word.split(':').collect();
    match fields.as_slice() {
        [hour, minute] => is_chain(hour, 0, 23) && is_chain(minute, 0, 59),
        [hour, minute, second] => {
            is_chain(hour, 0, 23) && is_chain(minute, 0, 59) && is_chain(second, 0, 59)
        }
        _ => false,
    }
}

/// `*`, or numbers, ranges `a..b` and repetitions `a/n` with commas between.
fn is_chain(text: &str, least: u32, most: u32) -> bool {
    let number = |text: &str| {
        let whole = text
            .split_once('.')
            .map_or(Some(text), |(whole, part)| (most == 59 && is_number(part)).then_some(whole));
        whole.filter(|whole| is_number(whole))?.parse::<u32>().ok()
    };
    let fits = |text: &str| {
        number(text).is_some_and(|at| (least..=most).contains(&at) || is_year(at, most))
    };
    text.split(',').all(|part| {
        let (start, step) = match part.split_once('/') {
            Some((start, step)) => (start, Some(step)),
            None => (part, None),
        };
        let start_fits = start == "*"
            || match start.split_once("..") {
                Some((from, to)) => fits(from) && fits(to) && number(from) <= number(to),
                None => fits(start),
            };
        start_fits && step.is_none_or(|step| number(step).is_some_and(|step| step > 0))
    })
}

/// Years of two digits stand for those from 1970 to 2069.
fn is_year(number: u32, most: u32) -> bool {
    most == 9999 && number < 100
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

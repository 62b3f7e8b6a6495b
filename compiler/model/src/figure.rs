//! How sizes and times are written for people: once, for terminals, reports and editors.

use std::fmt;
use std::time::Duration;

/// A number of bytes, written `12.3 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        let Self(size) = *self;
        if size < 1024 {
            return write!(f, "{size} bytes");
        }
        let (mut tenths, mut unit) = (u128::from(size) * 10 / 1024, 0);
        while tenths >= 10240 && unit + 1 < UNITS.len() {
            tenths /= 1024;
            unit += 1;
        }
        write!(f, "{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// How long something took, written `4.2 s` or `3 min 20 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took(pub Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = *self;
        let seconds = time.as_secs();
        match seconds {
            0..60 => write!(f, "{seconds}.{} s", time.subsec_millis() / 100),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let sizes = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (5 << 20, "5.0 MiB"),
            (3 << 30, "3.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (size, want) in sizes {
            assert_eq!(Bytes(size).to_string(), want);
        }
        let times =
            [(0, "0.0 s"), (4250, "4.2 s"), (200_999, "3 min 20 s"), (7_300_000, "2 h 1 min")];
        for (milliseconds, want) in times {
            assert_eq!(Took(Duration::from_millis(milliseconds)).to_string(), want);
        }
    }
}

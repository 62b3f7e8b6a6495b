use std::fmt;

/// A number of bytes. Units are powers of 1024, as in systemd, Slurm and tmpfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

const UNITS: [(char, u32); 5] = [('K', 10), ('M', 20), ('G', 30), ('T', 40), ('P', 50)];

impl Size {
    /// This many bytes.
    pub fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// `"512"`, `"64K"`, `"10G"`. What is something else, with a size that may be meant.
    pub fn parse(text: &str) -> Result<Self, Option<Self>> {
        Self::exact(text).ok_or_else(|| Self::meant(text))
    }

    fn exact(text: &str) -> Option<Self> {
        let (digits, shift) = match UNITS.iter().find(|(unit, _)| text.ends_with(*unit)) {
            Some((unit, shift)) => (text.strip_suffix(*unit)?, *shift),
            None => (text, 0),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u64 = digits.parse().ok()?;
        number.checked_mul(1 << shift).map(Self)
    }

    /// What other ways to write a size mean: `10GiB`, `10gb`, `1.5G`, `10 G`.
    fn meant(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.to_ascii_uppercase();
        let text = text.strip_suffix("IB").or_else(|| text.strip_suffix('B')).unwrap_or(&text);
        if let Some(size) = Self::exact(text) {
            return Some(size);
        }
        let (unit, shift) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
        let (whole, fraction) = text.strip_suffix(*unit)?.split_once('.')?;
        let whole: u64 = whole.parse().ok()?;
        let digits =
            u32::try_from(fraction.len()).ok().filter(|digits| (1..=6).contains(digits))?;
        let (fraction, scale): (u64, u64) = (fraction.parse().ok()?, 10_u64.pow(digits));
        let bytes = whole.checked_mul(scale)?.checked_add(fraction)?.checked_mul(1 << shift)?;
        Some(Self(bytes / scale))
    }
}

/// In the largest unit that leaves a whole number: the one way in which texts get it.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |shift: u32| self.0 != 0 && self.0.is_multiple_of(1 << shift);
        match UNITS.iter().rev().find(|(_, shift)| whole(*shift)) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_spelling() {
        let cases = [
            ("0", Ok("0")),
            ("512", Ok("512")),
            ("1024", Ok("1K")),
            ("10G", Ok("10G")),
            ("1536M", Ok("1536M")),
            ("2048M", Ok("2G")),
            ("16383P", Ok("16383P")),
            ("16384P", Err(None)),
            ("1.5G", Err(Some("1536M"))),
            ("10GiB", Err(Some("10G"))),
            ("10gb", Err(Some("10G"))),
            ("10 G", Err(Some("10G"))),
            ("-1", Err(None)),
            ("+1", Err(None)),
            ("", Err(None)),
            ("G", Err(None)),
            ("ten", Err(None)),
            ("1.G", Err(None)),
        ];
        for (text, want) in cases {
            let got = Size::parse(text);
            let got = got.map(|size| size.to_string()).map_err(|near| near.map(|n| n.to_string()));
            let got = got.as_deref().map_err(|near| near.as_deref());
            assert_eq!(got, want, "{text}");
        }
    }
}

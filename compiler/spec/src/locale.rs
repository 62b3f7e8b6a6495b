//! Names of locales, as the C library and the package `locales` have them.

/// What `locales` lists, by charset; see the file.
const LISTED: &str = include_str!("locales.txt");

/// Whether a locale has to be made: the C library has the others in itself.
pub fn is_generated(locale: &str) -> bool {
    !matches!(locale, "C" | "POSIX" | "C.UTF-8")
}

/// A locale's name in its parts: `de_DE`, `ISO-8859-15`, `@euro`.
fn parts(locale: &str) -> Option<(&str, &str, &str)> {
    let at = locale.find('@').unwrap_or(locale.len());
    let (name, modifier) = locale.split_at(at);
    let (bare, charset) = name.split_once('.')?;
    Some((bare, charset, modifier))
}

/// Name and charset of a locale, as `locales` lists them; none for one that it does not have. Of
/// UTF-8 it is said without asking the list.
pub(crate) fn listed(locale: &str) -> Option<(String, &str)> {
    let (bare, charset, modifier) = parts(locale)?;
    let short = format!("{bare}{modifier}");
    if all().any(|(known, name)| known == charset && name == short) {
        return Some((short, charset));
    }
    let whole = || locale.to_owned();
    let known = charset == "UTF-8" || all().any(|(known, name)| known == charset && name == locale);
    known.then(|| (whole(), charset))
}

/// All locales of other charsets than UTF-8, as a `locale` says them.
pub(crate) fn of_other_charsets() -> impl Iterator<Item = String> {
    all().filter(|(charset, _)| *charset != "UTF-8").map(|(charset, name)| {
        let (bare, modifier) = name.split_at(name.find('@').unwrap_or(name.len()));
        let bare = bare.split('.').next().unwrap_or(bare);
        format!("{bare}.{charset}{modifier}")
    })
}

fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut charset = "";
    LISTED.lines().filter(|line| !line.starts_with('#')).flat_map(move |line| {
        let names = match line.split_once(": ") {
            Some((name, names)) => {
                charset = name;
                names
            }
            None => line,
        };
        let charset = charset;
        names.split_whitespace().map(move |name| (charset, name))
    })
}

/// The names of a locale's directory or its entry in the archive: localedef(1) writes `utf8`, and
/// `iso88591`.
pub fn compiled_names(locale: &str) -> Vec<String> {
    let own = normal(locale);
    let listed = listed(locale).map(|(name, _)| normal(&name)).filter(|name| *name != own);
    std::iter::once(own).chain(listed).collect()
}

fn normal(locale: &str) -> String {
    let Some((bare, charset, modifier)) = parts(locale) else { return locale.to_owned() };
    let plain: String =
        charset.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    format!("{bare}.{plain}{modifier}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_found_as_they_are_listed() {
        let cases = [
            ("en_US.UTF-8", Some("en_US.UTF-8 UTF-8"), "en_US.utf8"),
            ("aa_ER.UTF-8", Some("aa_ER UTF-8"), "aa_ER.utf8 aa_ER"),
            ("de_DE.ISO-8859-1", Some("de_DE ISO-8859-1"), "de_DE.iso88591 de_DE"),
            (
                "de_DE.ISO-8859-15@euro",
                Some("de_DE@euro ISO-8859-15"),
                "de_DE.iso885915@euro de_DE@euro",
            ),
            ("en_US.ISO-8859-15", Some("en_US.ISO-8859-15 ISO-8859-15"), "en_US.iso885915"),
            ("ja_JP.EUC-JP", Some("ja_JP.EUC-JP EUC-JP"), "ja_JP.eucjp"),
            ("de_DE.KOI8-R", None, "de_DE.koi8r"),
            ("de_DE", None, "de_DE"),
        ];
        for (locale, want, compiled) in cases {
            let found = listed(locale).map(|(name, charset)| format!("{name} {charset}"));
            assert_eq!(found.as_deref(), want, "{locale}");
            assert_eq!(compiled_names(locale).join(" "), compiled, "{locale}");
        }
        let others: Vec<_> = of_other_charsets().collect();
        assert_eq!(others.len(), 182);
        assert!(others.iter().all(|locale| listed(locale).is_some()), "{others:?}");
    }
}

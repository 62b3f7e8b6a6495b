//! Names of units (systemd.unit(5)).

use std::fmt;

use super::super::error::Problem;

/// The kinds of units, by their suffix.
const KINDS: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

/// Longest name of a unit (`UNIT_NAME_MAX` of systemd).
const MAX: usize = 255;

/// A name in its parts: `prefix[@instance].kind`. A template has an empty instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnitName {
    prefix: String,
    instance: Option<String>,
    kind: &'static str,
}

impl UnitName {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        Self::read(text).ok_or_else(|| {
            let problem = Problem::new(format!("`{}` is no name of a unit", text.escape_debug()));
            let named = |kind: &&&str| text.ends_with(&format!(".{kind}"));
            match KINDS.iter().find(named) {
                Some(_) => problem,
                None => problem.help(format!("write its kind too: `{text}.service`")),
            }
        })
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (stem, suffix) = text.rsplit_once('.')?;
        let kind = KINDS.into_iter().find(|kind| *kind == suffix)?;
        let fits = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.' | b'\\' | b'@')
        };
        if text.len() > MAX || stem.is_empty() || !stem.bytes().all(fits) {
            return None;
        }
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance.to_owned())),
            None => (stem, None),
        };
        if prefix.is_empty() {
            return None;
        }
        Some(Self { prefix: prefix.to_owned(), instance, kind })
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    pub(super) fn is_template(&self) -> bool {
        self.instance.as_deref() == Some("")
    }

    pub(super) fn with_instance(&self, instance: &str) -> Self {
        Self { instance: Some(instance.to_owned()), ..self.clone() }
    }

    /// The template of an instance.
    pub(super) fn template(&self) -> Option<Self> {
        let instance = self.instance.as_ref()?;
        (!instance.is_empty()).then(|| self.with_instance(""))
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, instance, kind } = self;
        match instance {
            Some(instance) => write!(f, "{prefix}@{instance}.{kind}"),
            None => write!(f, "{prefix}.{kind}"),
        }
    }
}

/// Puts in the specifiers that `[Install]` may hold and that do not depend on the machine.
pub(super) fn expand(
    text: &str,
    unit: &UnitName,
    default_instance: Option<&str>,
) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        if next != '%' {
            out.push(next);
            continue;
        }
        let instance = || match unit.instance() {
            Some("") | None => default_instance.unwrap_or_default(),
            Some(instance) => instance,
        };
        match chars.next() {
            Some('%') => out.push('%'),
            Some('i') => out.push_str(instance()),
            Some('j') => out.push_str(unit.prefix().rsplit('-').next().unwrap_or_default()),
            Some('n') => out.push_str(&unit.to_string()),
            Some('N') => {
                let name = unit.to_string();
                out.push_str(name.rsplit_once('.').map_or("", |(stem, _)| stem));
            }
            Some('p') => out.push_str(unit.prefix()),
            other => {
                let specifier = other.map_or_else(|| "%".to_owned(), |other| format!("%{other}"));
                return Err(Problem::new(format!(
                    "`{unit}`: `{text}` in `[Install]` holds `{specifier}`, which is not known when an image is built"
                )));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let cases = [
            ("ssh.service", Some(("ssh", None, "service"))),
            ("getty@.service", Some(("getty", Some(""), "service"))),
            ("getty@tty1.service", Some(("getty", Some("tty1"), "service"))),
            ("a@b@c.timer", Some(("a", Some("b@c"), "timer"))),
            ("dbus-org.freedesktop.x.service", Some(("dbus-org.freedesktop.x", None, "service"))),
            ("x\\x2dy.mount", Some(("x\\x2dy", None, "mount"))),
            ("ssh", None),
            (".service", None),
            ("@x.service", None),
            ("a/b.service", None),
            ("../x.service", None),
            ("a b.service", None),
            ("x.conf", None),
        ];
        for (text, want) in cases {
            let got = UnitName::read(text);
            let parts = got.as_ref().map(|name| (name.prefix(), name.instance(), name.kind()));
            assert_eq!(parts, want, "{text}");
            if let Some(name) = &got {
                assert_eq!(name.to_string(), text);
            }
        }
        assert!(UnitName::read(&format!("{}.service", "x".repeat(300))).is_none());
    }

    #[test]
    fn specifiers_are_put_in() {
        let unit = UnitName::read("foo-bar@a-b.service").unwrap();
        let text = expand("%i %j %n %N %p %%", &unit, None).unwrap();
        assert_eq!(text, "a-b bar foo-bar@a-b.service foo-bar@a-b foo-bar %");
        let template = UnitName::read("x@.service").unwrap();
        assert_eq!(expand("%i", &template, Some("tty1")).unwrap(), "tty1");
        assert!(expand("%H", &unit, None).is_err());
        assert!(expand("x%", &unit, None).is_err());
    }
}

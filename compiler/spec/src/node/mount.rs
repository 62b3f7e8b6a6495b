use std::collections::BTreeMap;

use forge_diag::Diagnostic;
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::{Declaration, OVERRIDE, TextAt, bad_value, one_of};
use crate::ItemKind;
use crate::context::Context;
use crate::typo;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "mount",
    doc: "A mount of the running node; its directory is made. As a unit of systemd it is a file of \
          its own, and a service may wait for it by name; as a line of `/etc/fstab` it is where \
          other programs look for it.",
    args: &[Field::required("path", "absolute path", "where it is mounted")],
    props: &[
        Field::required("what", "text", "what is mounted: `server:/export`, a device, `tmpfs`"),
        Field::required("type", "text", "the file system: `nfs4`, `tmpfs`, …"),
        Field::optional("options", "words with commas between", "mount options"),
        Field::default("automount", "truth value", "#false", "mounted when somebody first looks"),
        Field::default("as", "\"unit\" or \"fstab\"", "\"unit\"", "what says it to the node"),
        OVERRIDE,
    ],
    children: &[],
    example: "mount \"/scratch\" what=\"nfs1.example.org:/scratch\" type=\"nfs4\" options=\"nosuid\"",
};

/// Options that say the opposite of each other (mount(8), nfs(5)).
const OPPOSITES: [(&str, &str); 10] = [
    ("ro", "rw"),
    ("suid", "nosuid"),
    ("dev", "nodev"),
    ("exec", "noexec"),
    ("auto", "noauto"),
    ("sync", "async"),
    ("atime", "noatime"),
    ("relatime", "norelatime"),
    ("hard", "soft"),
    ("lock", "nolock"),
];

/// Options that only a line of fstab has (systemd.mount(5), "fstab").
const OF_FSTAB: [&str; 7] = ["auto", "noauto", "nofail", "user", "nouser", "users", "owner"];

#[derive(Debug)]
struct MountDecl {
    path: TextAt,
    what: TextAt,
    filesystem: TextAt,
    options: Option<TextAt>,
    automount: bool,
    fstab: bool,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let what = cursor.required_prop("what");
    let filesystem = cursor.required_prop("type");
    let options = cursor.prop("options");
    let automount = cursor.prop::<bool>("automount").is_some_and(|value| value.value);
    let fstab = one_of(cursor, "as", &["unit", "fstab"]).is_some_and(|word| word.value == "fstab");
    let (path, what, filesystem) = (path?, what?, filesystem?);
    Some(Box::new(MountDecl { path, what, filesystem, options, automount, fstab }))
}

impl Declaration for MountDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let path = cx.image_path(&self.path);
        let what = one_line(cx, &self.what);
        let filesystem = one_line(cx, &self.filesystem);
        let options = match &self.options {
            Some(text) => {
                let list = cx.list(&text.value).map(|words| words.join(","));
                let options = list.or_else(|| one_line(cx, text));
                options.filter(|options| self.check(cx, text, options))
            }
            None => Some(String::new()),
        };
        let (what, filesystem) = (what?, filesystem?);
        let form = match filesystem.as_str() {
            "nfs" | "nfs4" if !what.contains(":/") => Some("server:/export"),
            "cifs" | "smb3" if !what.starts_with("//") => Some("//server/share"),
            _ => None,
        };
        if let Some(form) = form {
            let headline = format!("`{filesystem}` cannot mount `{what}`");
            cx.report(bad_value(self.what.span, headline, &format!("written as `{form}`")));
            return None;
        }
        if let Some(typo) = typo::file_system(&filesystem, self.filesystem.span) {
            cx.report(typo.within(cx.map));
        }
        let (automount, fstab) = (self.automount, self.fstab);
        Some(ItemKind::Mount { path: path?, what, filesystem, options: options?, automount, fstab })
    }
}

impl MountDecl {
    /// Reports options that cannot hold; true when all can.
    fn check(&self, cx: &mut Context<'_>, text: &TextAt, options: &str) -> bool {
        let mut found = Vec::new();
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        let bad = |headline: String, label: &str| bad_value(text.span, headline, label);
        for option in options.split(',').filter(|_| !options.is_empty()) {
            if option.is_empty() {
                found.push(bad("an option is empty".to_owned(), "a comma too many"));
                continue;
            }
            if option.contains(char::is_whitespace) {
                let headline = format!("`{option}` is no option of a mount");
                let mended = options.split(',').map(str::trim).collect::<Vec<_>>().join(",");
                let diagnostic = bad(headline, "no blanks stand around or in options");
                found.push(if text.value.value == options && !mended.contains(' ') {
                    diagnostic.mend(text.span, quote(&mended))
                } else {
                    diagnostic
                });
                continue;
            }
            found.extend(self.out_of_place(text, option));
            let name = option.split('=').next().unwrap_or(option);
            let twice = known.insert(name, option).is_some();
            // What others than the kernel read may be said several times.
            if twice && !name.starts_with("x-") {
                found.push(bad(format!("the option `{name}` is given twice"), "in here"));
            }
        }
        for (one, other) in OPPOSITES {
            if known.contains_key(one) && known.contains_key(other) {
                found.push(bad(format!("`{one}` and `{other}` contradict each other"), "in here"));
            }
        }
        let good = found.is_empty();
        let names = known.keys().filter(|name| !name.contains('.'));
        let typos = names.filter_map(|name| typo::mount_option(name, text.span));
        found.extend(typos.map(|typo| typo.within(cx.map)));
        for diagnostic in found {
            cx.report(diagnostic);
        }
        good
    }

    /// An option that nothing reads in the form that the mount has, or that is said otherwise.
    fn out_of_place(&self, text: &TextAt, option: &str) -> Option<Diagnostic> {
        let of_fstab = OF_FSTAB.contains(&option) || option.starts_with("x-systemd.");
        let automount = option == "x-systemd.automount";
        if !automount && (self.fstab || !of_fstab) {
            return None;
        }
        let (headline, help) = if automount {
            (format!("`{option}` is said by a property of its own"), "write `automount=#true`")
        } else {
            (format!("a unit does not read the option `{option}`"), "write `as=\"fstab\"`")
        };
        Some(bad_value(text.span, headline, "in here").help(help))
    }
}

/// A line break would begin another setting of the unit.
fn one_line(cx: &mut Context<'_>, text: &TextAt) -> Option<String> {
    let value = cx.text(text)?;
    if value.contains('\n') {
        cx.report(bad_value(text.span, "a mount's setting is one line", "more than one line"));
        return None;
    }
    Some(value)
}

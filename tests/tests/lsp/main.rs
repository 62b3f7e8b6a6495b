//! `forgec lsp`, talked to by a scripted editor.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod action;
mod completion;
mod conversation;
mod diagnostics;
mod hover;
mod names;
mod neovim;

use std::path::Path;

use forge_test::{Editor, Forgec, Site};
use serde_json::{Value, json};

/// An editor at work on a site.
pub(crate) fn editor(site: &Site, capabilities: &Value) -> Editor {
    Editor::start(&Forgec::new(&site.project(), site.scratch()), &site.project(), capabilities)
}

/// The example site.
pub(crate) fn example() -> Site {
    Site::copy_of(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("specs"))
}

/// Where `part` stands in a text, as the protocol counts: line, and UTF-16 units.
pub(crate) fn position(text: &str, part: &str, offset: usize) -> Value {
    let at = text.find(part).unwrap_or_else(|| panic!("`{part}` is not in the text")) + offset;
    let before = &text[..at];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    json!({ "line": line, "character": before[start..].encode_utf16().count() })
}

/// The text that a range of the protocol covers.
pub(crate) fn slice<'a>(text: &'a str, range: &Value) -> &'a str {
    let at = |place: &Value| {
        let number = |name: &str| usize::try_from(place[name].as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        let mut left = number("character");
        let rest = text[start..].char_indices();
        let mut end = start + text[start..].len();
        for (index, c) in rest {
            if left == 0 {
                end = start + index;
                break;
            }
            left -= c.len_utf16();
        }
        end
    };
    &text[at(&range["start"])..at(&range["end"])]
}

/// The parameters of a question about a place: `offset` bytes behind the begin of `part`.
pub(crate) fn at(editor: &Editor, path: &str, text: &str, part: &str, offset: usize) -> Value {
    json!({ "textDocument": { "uri": editor.uri(path) }, "position": position(text, part, offset) })
}

/// A site with a role, a profile, a template and images that use them.
pub(crate) const ROLE: &str = "role \"sched\" {
    doc \"The scheduler's daemon\"
    param \"controller\" type=\"name\" doc=\"where the controller runs\"
    param \"debug\" type=\"bool\" default=#false
    param \"mode\" type=\"enum\" default=\"fast\" { values \"fast\" \"safe\"; }
    user \"sched\" uid=501 system=#true
    file \"/etc/é🦀\" owner=\"sched\" { content \"${controller} ${mode} ${site}\"; }
    file \"/etc/sched.conf\" template=\"sched.conf.j2\"
    when \"debug\" { link \"/etc/debug\" target=\"x\"; }
    run \"init\" script=\"init.sh\" { param \"controller\"; }
}
";
pub(crate) const IMAGES: &str = "base \"tar\" { archive \"b.tar\"; }
profile \"policy\" {
    param \"level\" type=\"name\"
    control \"c-1\" { file \"/etc/é🦀\" { owner \"sched\"; content includes=\"${level}\"; }; }
}
image \"north-a\" {
    base \"tar\"
    set site=\"x1\"
    role \"sched\" controller=\"ctl\" debug=#true
    controls \"policy\" level=\"ctl\"
}
image \"north-b\" from=\"north-a\" { set type=\"b\"; }
";
pub(crate) const TEMPLATE: &str =
    "host={{ controller }}\n{% if debug %}mode={{ mode }}{% endif %}\n";

pub(crate) fn small_site() -> Site {
    let site = Site::new(&[
        ("roles/sched.kdl", ROLE),
        ("images.kdl", IMAGES),
        ("roles/sched.conf.j2", TEMPLATE),
        ("roles/init.sh", "#!/bin/sh\n"),
    ]);
    site.write("b.tar", "");
    site
}

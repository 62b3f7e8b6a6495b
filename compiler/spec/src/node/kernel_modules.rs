use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, quote};

use forge_diag::{Diagnostic, Sink, codes};

use super::{Declaration, OVERRIDE, TextAt, bad_name};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "kernel-modules",
    doc: "Takes away modules of the kernel that no node loads, after all else, and keeps depmod's \
          tables right. A module that another one needs stays. What several roles say is taken \
          together.",
    args: &[],
    props: &[
        Field::default(
            "firmware",
            "truth value",
            "#true",
            "`/lib/firmware` stays; a node without hardware of that kind needs none",
        ),
        OVERRIDE,
    ],
    children: &[
        Child::new("keep", "modules that stay; all others go, but for those that they need")
            .takes("names of modules, globs, or directories below `kernel/`"),
        Child::new("drop", "modules that go, unless one that stays needs them")
            .takes("names of modules, globs, or directories below `kernel/`"),
    ],
    example: "kernel-modules firmware=#false { keep \"drivers/net\" \"fs\" \"net\" \"nvme\" }",
};

#[derive(Debug)]
struct KernelModulesDecl {
    keep: Vec<TextAt>,
    drop: Vec<TextAt>,
    firmware: bool,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let mistakes = cursor.mistakes();
    let firmware = cursor.prop::<bool>("firmware").is_none_or(|value| value.value);
    let keep = patterns(cursor, "keep");
    let drop = patterns(cursor, "drop");
    if firmware && keep.is_empty() && drop.is_empty() && mistakes == cursor.mistakes() {
        let head = cursor.head();
        cursor.report(
            Diagnostic::error(codes::SYNTAX_EMPTY, "`kernel-modules` takes nothing away")
                .at(head, "")
                .help("add `keep`, `drop` or `firmware=#false`"),
        );
        return None;
    }
    Some(Box::new(KernelModulesDecl { keep, drop, firmware }))
}

fn patterns(cursor: &mut Cursor<'_>, name: &'static str) -> Vec<TextAt> {
    let Some(node) = cursor.child(name) else { return Vec::new() };
    let (mut below, mut found) = (Cursor::new(node), Sink::new());
    let patterns = below.args("module");
    below.finish(&mut found);
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    patterns
}

impl Declaration for KernelModulesDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let keep = resolved(cx, &self.keep);
        let drop = resolved(cx, &self.drop);
        Some(ItemKind::KernelModules { keep: keep?, drop: drop?, firmware: self.firmware })
    }
}

/// The patterns; none after a reported mistake.
fn resolved(cx: &mut Context<'_>, texts: &[TextAt]) -> Option<Vec<String>> {
    let mut good = true;
    let mut patterns = Vec::new();
    for text in cx.texts(texts) {
        let pattern = text.value;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./*?".contains(&byte);
        let parts = || pattern.split('/');
        let shaped = !pattern.is_empty()
            && pattern.bytes().all(plain)
            && parts().all(|part| !part.is_empty() && part != "..")
            && (!pattern.contains(['*', '?']) || !pattern.contains('/'));
        let mended = pattern.trim_start_matches('/');
        let mended = mended.strip_prefix("kernel/").unwrap_or(mended).trim_end_matches('/');
        let mended = mended.split(".ko").next().unwrap_or(mended);
        if shaped && mended == pattern {
            patterns.push(pattern);
            continue;
        }
        good = false;
        let found = bad_name(text.span, format!("`{pattern}` names no modules of a kernel"));
        cx.report(
            if mended != pattern && !mended.is_empty() && cx.map.slice(text.span) == quote(&pattern)
            {
                let mended = quote(mended);
                found.help(format!("write {mended}")).mend(text.span, mended)
            } else {
                found.help("a module's name, a glob of names, or a directory: \"drivers/net\"")
            },
        );
    }
    good.then_some(patterns)
}

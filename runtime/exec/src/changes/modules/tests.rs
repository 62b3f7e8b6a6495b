use forge_model::{ChangeKind, EntryKind};

use crate::changes::testing::{Image, Node, path};

const DEP: &str = "kernel/net/core.ko:
kernel/drivers/net/card.ko: kernel/net/core.ko kernel/lib/crc-x.ko
kernel/lib/crc-x.ko:
kernel/sound/snd.ko: kernel/lib/crc-x.ko
kernel/fs/far/far-fs.ko.xz:
kernel/crypto/hash.ko:
";

fn image() -> Image {
    let modules = DEP.lines().map(|line| line.split(':').next().unwrap());
    let modules: Vec<String> =
        modules.map(|module| format!("usr/lib/modules/6.1/{module}")).collect();
    let mut nodes: Vec<(&str, Node<'_>)> =
        modules.iter().map(|module| (module.as_str(), Node::File("ELF"))).collect();
    let tables = [
        ("lib", Node::Link("usr/lib")),
        ("usr/lib/firmware/card.bin", Node::File("x")),
        ("usr/lib/modules/6.1/modules.dep", Node::File(DEP)),
        ("usr/lib/modules/6.1/modules.dep.bin", Node::File("old")),
        (
            "usr/lib/modules/6.1/modules.alias",
            Node::File(
                "# Aliases\nalias pci:v0-[0-9]* card\nalias crypto-hash hash\nalias fs-far far_fs\n",
            ),
        ),
        ("usr/lib/modules/6.1/modules.alias.bin", Node::File("old")),
        ("usr/lib/modules/6.1/modules.softdep", Node::File("# S\nsoftdep card pre: crypto-hash\n")),
        ("usr/lib/modules/6.1/modules.devname", Node::File("# D\nsnd snd/seq c116:1\n")),
        (
            "usr/lib/modules/6.1/modules.order",
            Node::File("kernel/fs/far/far-fs.ko\nkernel/net/core.ko\n"),
        ),
        ("usr/lib/modules/6.1/modules.builtin", Node::File("kernel/fs/ext4/ext4.ko\n")),
    ];
    nodes.extend(tables);
    Image::new(&nodes)
}

fn prune(keep: &[&str], drop: &[&str], firmware: bool) -> ChangeKind {
    let list = |patterns: &[&str]| patterns.iter().map(|one| (*one).to_owned()).collect();
    ChangeKind::KernelModules { keep: list(keep), drop: list(drop), firmware }
}

/// The modules that are taken away, and directories.
fn gone(change: ChangeKind) -> Vec<String> {
    let draft = image().apply(&[change]).unwrap();
    let gone = draft.manifest.entries.iter();
    gone.filter(|(_, entry)| entry.kind == EntryKind::Whiteout)
        .map(|(path, _)| path.to_string().replace("/usr/lib/modules/6.1/kernel/", ""))
        .collect()
}

#[test]
fn what_a_kept_module_needs_is_kept() {
    // Its own needs, and what it asks for by an alias.
    assert_eq!(gone(prune(&["card"], &[], true)), ["fs", "sound"]);
    assert_eq!(gone(prune(&["drivers/net"], &[], true)), ["fs", "sound"]);
    assert_eq!(gone(prune(&["net"], &[], true)), ["crypto", "drivers", "fs", "lib", "sound"]);
    // What is dropped stays where another needs it.
    assert_eq!(gone(prune(&[], &["crc-x", "sound"], true)), ["sound"]);
    assert_eq!(gone(prune(&[], &["far_*"], true)), ["fs"]);
    // Built into the kernel: nothing to keep, and no mistake.
    assert_eq!(gone(prune(&["ext4"], &[], true)), ["/usr/lib/modules/6.1/kernel"]);
    assert_eq!(gone(prune(&["*"], &[], false)), ["/usr/lib/firmware"]);
}

#[test]
fn tables_name_what_is_left() {
    let below = image();
    let draft = below.apply(&[prune(&["card"], &[], true)]).unwrap();
    let merged = below.with(&draft);
    let text = |name: &str| merged.text(&format!("usr/lib/modules/6.1/{name}"));
    let dep: Vec<_> =
        DEP.lines().filter(|line| !line.contains("snd") && !line.contains("far")).collect();
    assert_eq!(text("modules.dep"), format!("{}\n", dep.join("\n")));
    assert_eq!(
        text("modules.alias"),
        "# Aliases\nalias pci:v0-[0-9]* card\nalias crypto-hash hash\n"
    );
    assert_eq!(text("modules.softdep"), "# S\nsoftdep card pre: crypto-hash\n");
    assert_eq!(text("modules.devname"), "# D\n");
    assert_eq!(text("modules.order"), "kernel/net/core.ko\n");
    let index = draft.contents.keys().filter(|path| path.to_string().ends_with(".bin"));
    assert_eq!(index.count(), 2, "an index is written where there is one");
    let again = merged.apply(&[prune(&["card"], &[], true)]).unwrap();
    assert!(again.manifest.entries.is_empty(), "{:?}", again.manifest);
}

#[test]
fn a_pattern_that_names_nothing_is_told() {
    let errors = image().apply(&[prune(&["crad"], &[], true)]).unwrap_err();
    assert_eq!(errors[0].message, "no kernel module is called `crad`");
    let draft = image().apply(&[prune(&[], &["crad"], true)]).unwrap();
    assert_eq!(draft.notes[0].message, "no kernel module is called `crad`");
    let none = Image::new(&[("etc/x", Node::File(""))]);
    let errors = none.apply(&[prune(&["card"], &[], true)]).unwrap_err();
    assert_eq!(errors[0].message, "there are no kernel modules in the image");
    assert!(none.tree.get(&path("etc/x")).is_some());
}

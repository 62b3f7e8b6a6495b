use forge_model::{
    Content, Digest, Entry, PackageSources, Packages, Run, SecretFile, SecretReference,
    SecretSource, SourceFile, Stamp, TreeEntry,
};

use super::*;
use crate::changes::testing::{
    Image, Node, file, group, line, numbered, origin, path, remove, user,
};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n";

fn debian() -> Action {
    let sources = PackageSources {
        suite: "bookworm".to_owned(),
        components: Vec::new(),
        updates: false,
        mirror: None,
        security: None,
    };
    let arch = "amd64".to_owned();
    Action::Base(Box::new(Base::Debian { arch, sources, exclude_paths: Vec::new() }))
}

fn packages() -> Action {
    Action::Packages(Box::new(Packages {
        arch: "amd64".to_owned(),
        names: Vec::new(),
        answers: Vec::new(),
        holds: Vec::new(),
    }))
}

fn source(at: &str) -> SourceFile {
    SourceFile { path: at.to_owned(), digest: Digest::of(b""), size: 0, executable: false }
}

fn run() -> Action {
    Action::Run(Box::new(Run {
        name: "tune".to_owned(),
        script: source("tune.sh"),
        inputs: Vec::new(),
        fetched: Vec::new(),
        environment: BTreeMap::new(),
        secrets: Vec::new(),
        protected: Vec::new().into(),
        origin: origin(50),
    }))
}

fn secret() -> Action {
    let secret = SecretReference {
        name: "key".to_owned(),
        source: SecretSource::Age(source("key.age")),
        origin: origin(60),
    };
    let root = || "root".to_owned();
    let file = SecretFile {
        path: path("/lib/secret/key"),
        mode: 0o400,
        owner: root(),
        group: root(),
        secret,
        origin: origin(61),
    };
    Action::Secrets(Secrets { files: vec![file] })
}

fn stamp() -> Action {
    Action::Stamp(Box::new(Stamp {
        image: "x".to_owned(),
        cluster: "x".to_owned(),
        image_type: "x".to_owned(),
        cmdline: None,
        output: None,
        secrets: Vec::new(),
        origin: origin(70),
    }))
}

/// A stack of layers with the contents of all.
struct Stack {
    contents: BTreeMap<Digest, Vec<u8>>,
    layers: Vec<(String, Action, Manifest)>,
}

impl Stack {
    fn add(&mut self, label: &str, action: Action, nodes: &[(&str, Node<'_>)]) {
        let image = Image::new(nodes);
        let entries = image.tree.iter().map(|(at, found)| (at.clone(), found.entry.clone()));
        // Directories that a layer only passes through are no entries of it; the base has all.
        let first = self.layers.is_empty();
        let named = |at: &ImagePath, entry: &Entry| {
            first || !entry.kind.is_directory() || nodes.iter().any(|(node, _)| path(node) == *at)
        };
        let entries = entries.filter(|(at, entry)| named(at, entry)).collect();
        self.contents.extend(image.contents);
        self.layers.push((label.to_owned(), action, Manifest { entries }));
    }

    /// A layer of these changes over the layers so far.
    fn change(&mut self, label: &str, changes: &[forge_model::ChangeKind]) {
        let below = Tree::merge(self.layers.iter().map(|(_, _, manifest)| manifest));
        let list = numbered(changes);
        let read = |_: &ImagePath, entry: &TreeEntry| self.read(entry);
        let draft = changes::apply(&list, &View::new(&below, &read)).unwrap();
        for content in draft.contents.into_values() {
            if let changes::DraftContent::Bytes(bytes) = content {
                self.contents.insert(Digest::of(&bytes), bytes);
            }
        }
        let action = Action::Changes(Changes { changes: list, protected: Vec::new().into() });
        self.layers.push((label.to_owned(), action, draft.manifest));
    }

    fn blamer(&self) -> Blamer<'_> {
        let layers = self.layers.iter();
        let layers = layers.map(|(label, action, manifest)| BlameLayer { label, action, manifest });
        Blamer::new(layers, &|_, entry| self.read(entry)).unwrap()
    }

    fn read(&self, entry: &TreeEntry) -> std::io::Result<Vec<u8>> {
        match &entry.entry.kind {
            EntryKind::File { digest, .. } => Ok(self.contents[digest].clone()),
            _ => Err(std::io::ErrorKind::InvalidInput.into()),
        }
    }
}

fn stack() -> Stack {
    let mut stack = Stack { contents: BTreeMap::new(), layers: Vec::new() };
    stack.add(
        "base",
        debian(),
        &[
            ("lib", Node::Link("usr/lib")),
            ("usr", Node::Dir),
            ("usr/lib", Node::Dir),
            ("usr/lib/libc.so", Node::File("c")),
            ("usr/bin/tool.old", Node::File("t")),
            ("usr/bin/tool", Node::File("other")),
            ("etc/passwd", Node::File(PASSWD)),
            ("etc/group", Node::File("root:x:0:\n")),
            ("etc/conf", Node::File("1")),
            ("var/lib/dpkg/info/libc6:amd64.list", Node::File("/.\n/lib\n/lib/libc.so\n/usr\n")),
            (
                "var/lib/dpkg/info/tool.list",
                Node::File("/.\n/usr\n/usr/bin\n/usr/bin/tool\n/etc/conf\n/usr/lib\n"),
            ),
            ("var/lib/dpkg/info/tool.postinst", Node::File("#!/bin/sh\n")),
            ("var/lib/dpkg/info/other.list", Node::File("/usr\n/usr/bin/tool\n")),
            ("var/lib/dpkg/diversions", Node::File("/usr/bin/tool\n/usr/bin/tool.old\nother\n")),
        ],
    );
    stack.add(
        "more packages",
        packages(),
        &[
            ("etc/shells", Node::File("s")),
            ("usr/bin/new", Node::File("n")),
            ("var/lib/dpkg/info/new.list", Node::File("/.\n/usr\n/usr/bin\n/usr/bin/new\n")),
        ],
    );
    let changes = [
        file("/lib/own/file", "own"),
        user("db", None, true),
        group("hpc", None, false),
        remove("/etc/conf"),
    ];
    stack.change("files", &changes);
    stack.add("run", run(), &[("etc/tuned", Node::File("1")), ("usr/bin/new", Node::File("2"))]);
    stack.add(
        "secrets",
        secret(),
        &[("usr/lib/secret", Node::Dir), ("usr/lib/secret/key", Node::File("k"))],
    );
    stack.add("stamp", stamp(), &[("etc/forge-release", Node::File("r"))]);
    stack
}

#[test]
fn every_path_has_its_maker() {
    let stack = stack();
    let blamer = stack.blamer();
    let cases = [
        ("/usr/lib/libc.so", "base", "package libc6:amd64"),
        ("/lib/libc.so", "base", "package libc6:amd64"),
        ("/lib", "base", "package libc6:amd64"),
        ("/usr", "base", "packages libc6:amd64, other, tool"),
        ("/usr/bin/tool", "base", "package other"),
        ("/usr/bin/tool.old", "base", "package tool"),
        ("/etc/passwd", "files", "role.kdl:2, role.kdl:3"),
        ("/etc/group", "files", "role.kdl:2, role.kdl:3"),
        ("/etc/shells", "more packages", "a maintainer script or the installer"),
        ("/var/lib/dpkg/info/tool.postinst", "base", "dpkg's record of package tool"),
        ("/lib/own/file", "files", "role.kdl:1"),
        ("/usr/lib/own", "files", "role.kdl:1"),
        ("/usr/bin/new", "run", "script tune at role.kdl:50"),
        ("/etc/tuned", "run", "script tune at role.kdl:50"),
        ("/usr/lib/secret/key", "secrets", "secret file at role.kdl:61"),
        ("/usr/lib/secret", "secrets", "secret file at role.kdl:61"),
        ("/etc/forge-release", "stamp", "stamp of the image at role.kdl:70"),
    ];
    for (at, label, maker) in cases {
        let blame = blamer.blame(&path(at)).unwrap_or_else(|| panic!("{at}"));
        assert_eq!(
            (blame.label.as_str(), blame.maker.to_string().as_str()),
            (label, maker),
            "{at}"
        );
    }
    assert_eq!(blamer.blame(&path("/etc/conf")), None);
    assert_eq!(blamer.all().count(), blamer.tree().len());
    for blame in blamer.all() {
        assert_ne!(blame.maker, Maker::Declared(Vec::new()), "{}", blame.path);
    }
}

#[test]
fn a_removal_is_named() {
    let stack = stack();
    let blamer = stack.blamer();
    let gone = blamer.removal(&path("/etc/conf")).unwrap();
    assert_eq!((gone.label.as_str(), gone.maker), ("files", Maker::Declared(vec![origin(4)])));
    assert_eq!(blamer.removal(&path("/etc/passwd")), None);
    assert_eq!(blamer.removal(&path("/never/there")), None);
}

#[test]
fn what_a_path_hides_is_named() {
    let stack = stack();
    let blamer = stack.blamer();
    let hidden = |at: &str| -> Vec<(String, String, u64)> {
        let at = path(at);
        let blame = blamer.blame(&at).or_else(|| blamer.removal(&at)).unwrap();
        let found = blamer.shadowed(&blame).into_iter().map(|(blame, entry)| {
            let EntryKind::File { size, .. } = entry.kind else { panic!("{entry:?}") };
            (blame.label, blame.maker.to_string(), size)
        });
        found.collect()
    };
    let one = |label: &str, maker: &str, size| vec![(label.to_owned(), maker.to_owned(), size)];
    assert_eq!(hidden("/usr/bin/new"), one("more packages", "package new", 1));
    let passwd = u64::try_from(PASSWD.len()).unwrap();
    assert_eq!(hidden("/etc/passwd"), one("base", "a maintainer script or the installer", passwd));
    assert_eq!(hidden("/etc/conf"), one("base", "package tool", 1));
    assert_eq!(hidden("/etc/tuned"), []);
    assert_eq!(hidden("/lib/libc.so"), []);
    let passwd = blamer.blame(&path("/etc/passwd")).unwrap();
    assert!(blamer.entry(&passwd).is_some_and(|entry| entry.kind.word() == "file"));
    let gone = blamer.removal(&path("/etc/conf")).unwrap();
    assert_eq!(blamer.entry(&gone), None);
}

#[test]
fn bases_of_the_project_name_its_files() {
    let action = Action::Base(Box::new(Base::Tree {
        arch: "amd64".to_owned(),
        directory: "golden".to_owned(),
        files: vec![(path("/etc/x"), source("golden/etc/x"))],
    }));
    let mut stack = Stack { contents: BTreeMap::new(), layers: Vec::new() };
    stack.add("base", action, &[("etc", Node::Dir), ("etc/x", Node::File("x"))]);
    let blamer = stack.blamer();
    assert_eq!(
        blamer.blame(&path("/etc/x")).unwrap().maker,
        Maker::Source("golden/etc/x".to_owned())
    );
    assert_eq!(blamer.blame(&path("/etc")).unwrap().maker, Maker::Source("golden".to_owned()));
}

#[test]
fn an_edited_file_has_the_maker_of_what_was_edited() {
    let action = Action::Base(Box::new(Base::Tree {
        arch: "amd64".to_owned(),
        directory: "golden".to_owned(),
        files: vec![(path("/etc/x"), source("golden/etc/x"))],
    }));
    let mut stack = Stack { contents: BTreeMap::new(), layers: Vec::new() };
    stack.add("base", action, &[("etc", Node::Dir), ("etc/x", Node::File("x\n"))]);
    stack.change("one", &[line("/etc/x", None, "a"), line("/etc/x", None, "b")]);
    stack.change("two", &[line("/etc/x", Some("^x"), "y")]);
    let blame = stack.blamer().blame(&path("/etc/x")).unwrap();
    let mut story = Vec::new();
    let mut at = Some(Box::new(blame));
    while let Some(blame) = at {
        story.push(format!("{}: {}", blame.label, blame.maker));
        at = blame.edited;
    }
    assert_eq!(story, ["two: role.kdl:1", "one: role.kdl:1, role.kdl:2", "base: golden/etc/x"]);
}

#[test]
fn a_line_is_blamed_on_the_edit_that_wrote_it() {
    let action = Action::Base(Box::new(Base::Tree {
        arch: "amd64".to_owned(),
        directory: "golden".to_owned(),
        files: vec![(path("/etc/x"), source("golden/etc/x"))],
    }));
    let mut stack = Stack { contents: BTreeMap::new(), layers: Vec::new() };
    stack.add("base", action, &[("etc", Node::Dir), ("etc/x", Node::File("x\nold\ny\n"))]);
    let two = [line("/etc/x", Some("^old"), "new"), line("/etc/x", None, "a")];
    stack.change("one", &two);
    stack.change("two", &[line("/etc/x", Some("^y"), "z"), file("/etc/own", "p\nq\n")]);
    stack.change("three", &[line("/etc/own", Some("^q"), "r")]);
    let blamer = stack.blamer();
    let read = |_: &ImagePath, entry: &TreeEntry| stack.read(entry);
    let told = |at: &str, number: usize| {
        let blame = blamer.blame(&path(at)).unwrap();
        let line = blamer.line(&blame, number, &read).unwrap();
        line.map(|line| format!("{}: {}, {}", line.text, line.by.label, line.by.maker))
    };
    for (at, number, want) in [
        ("/etc/x", 1, Some("x: base, golden/etc/x")),
        ("/etc/x", 2, Some("new: one, role.kdl:1")),
        ("/etc/x", 3, Some("z: two, role.kdl:1")),
        ("/etc/x", 4, Some("a: one, role.kdl:2")),
        ("/etc/x", 5, None),
        ("/etc/x", 0, None),
        ("/etc", 1, None),
        ("/etc/own", 1, Some("p: two, role.kdl:2")),
        ("/etc/own", 2, Some("r: three, role.kdl:1")),
    ] {
        assert_eq!(told(at, number).as_deref(), want, "{at}:{number}");
    }
}

#[test]
fn changes_that_do_not_fit_are_an_error() {
    let change = crate::changes::testing::owned_file("/x", "", "nobody-there", "root");
    assert!(matches!(&change, forge_model::ChangeKind::File { content: Content::Text(_), .. }));
    let action =
        Action::Changes(Changes { changes: numbered(&[change]), protected: Vec::new().into() });
    let manifest = Manifest::default();
    let layer = BlameLayer { label: "files", action: &action, manifest: &manifest };
    let failed = Blamer::new([layer], &|_, _| Ok(Vec::new())).unwrap_err();
    assert!(matches!(failed, BlameError::Changes { errors, .. } if errors.len() == 1));
}

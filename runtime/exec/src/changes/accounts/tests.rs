use forge_model::User;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::super::testing::*;
use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    _apt:x:100:65534::/nonexistent:/usr/sbin/nologin\n\
    messagebus:x:998:998::/nonexistent:/usr/sbin/nologin\n\
    ann:x:1004:1004::/home/ann:/bin/bash\n";
const GROUP: &str = "root:x:0:\nsudo:x:27:ann\nvideo:x:44:\nmessagebus:x:998:\nann:x:1004:\n";
const SHADOW: &str = "root:*:20000:0:99999:7:::\n_apt:!:20000::::::\n";
const GSHADOW: &str = "root:*::\nsudo:*::ann\nvideo:*::\nmessagebus:!::\nann:!::\n";
const SUBUID: &str = "ann:100000:65536\n";
const DEFS: &str = "UID_MIN 1000\nGID_MIN 1000\nUMASK 022\nPASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\n\
    PASS_WARN_AGE 7\nUSERGROUPS_ENAB yes\n";

const FILES: [(&str, &str); 7] = [
    ("etc/passwd", PASSWD),
    ("etc/group", GROUP),
    ("etc/shadow", SHADOW),
    ("etc/gshadow", GSHADOW),
    ("etc/subuid", SUBUID),
    ("etc/subgid", SUBUID),
    ("etc/login.defs", DEFS),
];

fn image() -> Image {
    let mut nodes: Vec<_> = FILES.map(|(at, text)| (at, Node::File(text))).into();
    nodes.extend([
        ("etc/shadow", Node::FileMode(SHADOW, 0o640, 0, 42)),
        ("etc/skel/.profile", Node::File("profile")),
        ("etc/skel/bin/tool", Node::FileMode("tool", 0o750, 0, 0)),
        ("etc/skel/link", Node::Link(".profile")),
    ]);
    Image::new(&nodes)
}

/// Lines that a file has after the changes and had not before.
fn added(changes: &[ChangeKind], at: &str) -> Vec<String> {
    let before = FILES.iter().find(|(file, _)| *file == at).unwrap().1;
    let after = image().with(&image().apply(changes).unwrap()).text(at);
    let known: Vec<_> = before.lines().collect();
    after.lines().filter(|line| !known.contains(line)).map(str::to_owned).collect()
}

/// Name, input, and what comes of it.
type Case<'a> = (&'a str, Vec<ChangeKind>, &'a str, &'a [&'a str]);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn accounts_become_lines() {
    let eve = |home: Option<&str>| {
        let user = User {
            name: "eve".to_owned(),
            uid: Some(2001),
            group: Some("hpc".to_owned()),
            groups: vec!["sudo".to_owned(), "video".to_owned()],
            home: home.map(str::to_owned),
            shell: Some("/bin/zsh".to_owned()),
            comment: "Eve Ünal".to_owned(),
            ..User::default()
        };
        ChangeKind::User(user)
    };
    let hpc = group("hpc", Some(2000), false);
    let cases: &[Case<'_>] = &[
        ("a group", vec![group("hpc", None, false)], "etc/group", &["hpc:x:1005:"]),
        ("its shadow", vec![group("hpc", None, false)], "etc/gshadow", &["hpc:!::"]),
        ("a system group", vec![group("db", None, true)], "etc/group", &["db:x:997:"]),
        (
            "a user",
            vec![user("bob", None, false)],
            "etc/passwd",
            &["bob:x:1005:1005::/home/bob:/bin/bash"],
        ),
        (
            "the user's shadow",
            vec![user("bob", None, false)],
            "etc/shadow",
            &["bob:!:20089:0:99999:7:::"],
        ),
        ("subordinate ids", vec![user("bob", None, false)], "etc/subuid", &["bob:165536:65536"]),
        (
            "a system user",
            vec![user("db", None, true)],
            "etc/passwd",
            &["db:x:997:997::/nonexistent:/usr/sbin/nologin"],
        ),
        (
            "a system user's shadow",
            vec![user("db", None, true)],
            "etc/shadow",
            &["db:!:20089::::::"],
        ),
        ("no subordinate ids", vec![user("db", None, true)], "etc/subgid", &[]),
        (
            "everything given",
            vec![eve(None), hpc.clone()],
            "etc/passwd",
            &["eve:x:2001:2000:Eve Ünal:/home/eve:/bin/zsh"],
        ),
        (
            "members",
            vec![eve(None), hpc.clone()],
            "etc/group",
            &["sudo:x:27:ann,eve", "video:x:44:eve", "hpc:x:2000:"],
        ),
        (
            "shadow members",
            vec![eve(None), hpc],
            "etc/gshadow",
            &["sudo:*::ann,eve", "video:*::eve", "hpc:!::"],
        ),
        (
            "a group of the same name",
            vec![user("web", None, true), group("web", Some(80), true)],
            "etc/passwd",
            &["web:x:997:80::/nonexistent:/usr/sbin/nologin"],
        ),
        (
            "given ids are set aside",
            vec![user("one", None, false), user("two", Some(1005), false)],
            "etc/passwd",
            &["one:x:1006:1006::/home/one:/bin/bash", "two:x:1005:1005::/home/two:/bin/bash"],
        ),
        (
            "a member more of one that exists",
            vec![user_with("ann", Some(1004), false, (None, &["video"]))],
            "etc/group",
            &["video:x:44:ann"],
        ),
        ("one that exists as it is", vec![user("ann", Some(1004), false)], "etc/passwd", &[]),
    ];
    for (name, changes, at, want) in cases {
        assert_eq!(added(changes, at), *want, "{name}");
    }
}

#[test]
fn files_keep_their_modes_and_name_all_declarations() {
    let draft = image().apply(&[group("a", None, false), user("bob", None, false)]).unwrap();
    let shadow = &draft.manifest.entries[&path("etc/shadow")];
    assert_eq!((shadow.mode, shadow.gid), (0o640, 42));
    let passwd = path("etc/passwd");
    let lines: Vec<_> = draft
        .touched
        .iter()
        .filter(|(at, _)| *at == passwd)
        .map(|(_, origin)| origin.line)
        .collect();
    assert_eq!(lines, [1, 2]);
    let nothing =
        image().apply(&[user("ann", Some(1004), false), group("ann", None, false)]).unwrap();
    // The account is as declared; only its home is not there yet.
    let mut want = vec!["directory 0755 0:0 /home", "directory 0755 1004:1004 /home/ann"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    want.extend(skel("/home/ann", 1004));
    assert_eq!(listing(&nothing), want);
}

fn skel(home: &str, id: u32) -> Vec<String> {
    vec![
        format!("file 0644 {id}:{id} {home}/.profile"),
        format!("directory 0755 {id}:{id} {home}/bin"),
        format!("file 0750 {id}:{id} {home}/bin/tool"),
        format!("link {home}/link -> .profile"),
    ]
}

#[test]
fn homes_come_from_the_skeleton_and_owners_from_the_same_list() {
    let changes = [
        owned_file("/home/bob/.ssh/authorized_keys", "key", "bob", "bob"),
        user("bob", None, false),
        user("db", None, true),
    ];
    let draft = image().apply(&changes).unwrap();
    let mut want = vec!["directory 0755 1005:1005 /home/bob".to_owned()];
    want.extend(skel("/home/bob", 1005));
    want.insert(2, "directory 0755 0:0 /home/bob/.ssh".to_owned());
    want.insert(3, "file 0644 1005:1005 /home/bob/.ssh/authorized_keys".to_owned());
    let got: Vec<_> =
        listing(&draft).into_iter().filter(|line| line.contains("/home/bob")).collect();
    assert_eq!(got, want);
}

/// A user with a hash and keys.
fn login(name: &str, home: Option<&str>, hash: Option<&str>, keys: &[&str]) -> ChangeKind {
    ChangeKind::User(User {
        name: name.to_owned(),
        home: home.map(str::to_owned),
        system: home.is_some(),
        password: hash.map(str::to_owned),
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        ..User::default()
    })
}

const HASH: &str = "$y$j9T$salt$hash";

#[test]
fn hashes_and_keys_let_an_account_in() {
    let cases: &[Case<'_>] = &[
        (
            "a hash",
            vec![login("bob", None, Some(HASH), &[])],
            "etc/shadow",
            &["bob:$y$j9T$salt$hash:20089:0:99999:7:::"],
        ),
        // sshd refuses accounts that `!` locks.
        (
            "keys alone",
            vec![login("bob", None, None, &["k1"])],
            "etc/shadow",
            &["bob:*:20089:0:99999:7:::"],
        ),
        (
            "an account that is there",
            vec![login("root", None, Some(HASH), &[])],
            "etc/shadow",
            &["root:$y$j9T$salt$hash:20000:0:99999:7:::"],
        ),
        ("nothing said", vec![login("root", None, None, &["k1"])], "etc/shadow", &[]),
        ("no hash for all to read", vec![login("root", None, Some(HASH), &[])], "etc/passwd", &[]),
    ];
    for (name, changes, at, want) in cases {
        assert_eq!(added(changes, at), *want, "{name}");
    }
    let shadow = image().apply(&[login("root", None, Some(HASH), &[])]).unwrap();
    assert_eq!(listing(&shadow)[0], "file 0640 0:42 /etc/shadow");
    // A change of the hash takes the old one's place.
    let again = image().with(&shadow);
    let again = again.apply(&[login("root", None, Some("$6$a$b"), &[])]).unwrap();
    let text = image().with(&shadow).with(&again).text("etc/shadow");
    assert!(text.starts_with("root:$6$a$b:20000:"), "{text}");
}

#[test]
fn keys_are_the_accounts_own_and_nobody_elses() {
    let keys = ["ssh-ed25519 AAAA ann", "no-pty ssh-rsa AAAA"];
    let draft = image().apply(&[login("bob", None, None, &keys)]).unwrap();
    let ssh: Vec<_> = listing(&draft).into_iter().filter(|line| line.contains(".ssh")).collect();
    let want = [
        "directory 0700 1005:1005 /home/bob/.ssh",
        "file 0600 1005:1005 /home/bob/.ssh/authorized_keys",
    ];
    assert_eq!(ssh, want);
    let text = image().with(&draft).text("home/bob/.ssh/authorized_keys");
    assert_eq!(text, "ssh-ed25519 AAAA ann\nno-pty ssh-rsa AAAA\n");
    // root's home, and a system account's that is made for them.
    let draft = image().apply(&[login("root", None, None, &["k"])]).unwrap();
    let want = ["directory 0755 0:0 /root", "directory 0700 0:0 /root/.ssh"];
    assert!(want.iter().all(|line| listing(&draft).contains(&(*line).to_owned())), "{draft:?}");
    let draft = image().apply(&[login("db", Some("/srv/db"), None, &["k"])]).unwrap();
    let want = "file 0600 997:997 /srv/db/.ssh/authorized_keys".to_owned();
    assert!(listing(&draft).contains(&want), "{:?}", listing(&draft));
    // What is there and too open is closed; other keys go.
    let open = Image::new(&[
        ("etc/passwd", Node::File("bob:x:7:7::/home/bob:/bin/sh\n")),
        ("etc/group", Node::File("bob:x:7:\n")),
        ("home/bob", Node::DirMode(0o750, 7, 7)),
        ("home/bob/.ssh", Node::DirMode(0o777, 0, 0)),
        ("home/bob/.ssh/authorized_keys", Node::FileMode("old\n", 0o666, 0, 0)),
    ]);
    let draft = open.apply(&[login("bob", None, None, &["k"])]).unwrap();
    let want =
        ["directory 0700 7:7 /home/bob/.ssh", "file 0600 7:7 /home/bob/.ssh/authorized_keys"];
    assert_eq!(listing(&draft), want);
    assert_eq!(open.with(&draft).text("home/bob/.ssh/authorized_keys"), "k\n");
}

/// Links that an image has where keys belong lead them nowhere else.
#[test]
fn keys_follow_no_links_of_the_image() {
    let with = |at: &'static str, target: &'static str| {
        Image::new(&[
            ("etc/passwd", Node::File("bob:x:7:7::/home/bob:/bin/sh\n")),
            ("etc/group", Node::File("bob:x:7:\n")),
            ("home/bob/.ssh/authorized_keys", Node::File("old\n")),
            ("data/mine", Node::File("mine\n")),
            (at, Node::Link(target)),
        ])
    };
    let change = [login("bob", None, None, &["k"])];
    let file = with("home/bob/.ssh/authorized_keys", "../../../../../data/mine");
    let draft = file.apply(&change).unwrap();
    let merged = file.with(&draft);
    assert_eq!(merged.text("home/bob/.ssh/authorized_keys"), "k\n");
    assert_eq!(merged.text("data/mine"), "mine\n");
    for target in ["/data", "../../etc", "/nowhere", "."] {
        let image = Image::new(&[
            ("etc/passwd", Node::File("bob:x:7:7::/home/bob:/bin/sh\n")),
            ("etc/group", Node::File("bob:x:7:\n")),
            ("data/x", Node::File("")),
            ("home/bob/.ssh", Node::Link(target)),
        ]);
        let errors = image.apply(&change).unwrap_err();
        let message = "`/home/bob/.ssh` is no directory in the image";
        assert_eq!(errors[0].message, message, "{target}");
    }
    // The home itself may be elsewhere, but inside.
    let moved = Image::new(&[
        ("etc/passwd", Node::File("bob:x:7:7::/home/bob:/bin/sh\n")),
        ("etc/group", Node::File("bob:x:7:\n")),
        ("export/bob", Node::DirMode(0o755, 7, 7)),
        ("home", Node::Link("../../../export")),
    ]);
    let draft = moved.apply(&change).unwrap();
    let paths: Vec<_> = draft.manifest.entries.keys().map(ToString::to_string).collect();
    assert_eq!(paths, ["/export/bob/.ssh", "/export/bob/.ssh/authorized_keys"]);
    // No home, and nothing that could be one.
    for (passwd, message) in [
        ("bob:x:7:7::/nonexistent:/bin/sh\n", "has keys, and no home"),
        ("bob:x:7:7::/dev/null:/bin/sh\n", "has keys, and no home"),
    ] {
        let image = Image::new(&[
            ("etc/passwd", Node::File(passwd)),
            ("etc/group", Node::File("bob:x:7:\n")),
        ]);
        let errors = image.apply(&change).unwrap_err();
        assert!(errors[0].message.contains(message), "{errors:?}");
    }
    let hostile = ["a\nroot::0:0::/:", "a:b"];
    for hash in hostile {
        assert!(image().apply(&[login("bob", None, Some(hash), &[])]).is_err(), "{hash}");
    }
    assert!(image().apply(&[login("bob", None, None, &["a\nb"])]).is_err());
}

#[test]
fn misfits_are_errors_with_a_mend() {
    let with_home = |home: &str| match user("bob", None, false) {
        ChangeKind::User(bob) => ChangeKind::User(User { home: Some(home.to_owned()), ..bob }),
        other => other,
    };
    let cases: &[(&str, ChangeKind, &str, &str)] = &[
        ("another uid", user("ann", Some(7), false), "with uid 1004", "before=\"packages\""),
        ("another gid", group("video", Some(45), true), "with gid 44", "before=\"packages\""),
        (
            "another primary group",
            user_with("ann", None, false, (Some("sudo"), &[])),
            "gid 1004",
            "before=",
        ),
        ("a taken uid", user("bob", Some(998), true), "belongs to `messagebus`", "another uid"),
        ("a taken gid", group("x", Some(27), false), "belongs to `sudo`", "another gid"),
        (
            "no such group",
            user_with("bob", None, false, (Some("hpc"), &["nope"])),
            "`hpc`, `nope`",
            "group \"hpc\"",
        ),
        ("a bad name", user("-rf", None, false), "no name for a user", "letter"),
        ("a line break in a name", group("a\nb", None, false), "no name for a group", "letter"),
        ("a long name", user(&"x".repeat(33), None, false), "no name", "32"),
    ];
    for (name, change, message, help) in cases {
        let errors = image().apply(std::slice::from_ref(change)).unwrap_err();
        assert_eq!(errors.len(), 1, "{name}");
        assert!(errors[0].message.contains(message), "{name}: {}", errors[0].message);
        assert!(errors[0].help.as_ref().unwrap().contains(help), "{name}: {errors:?}");
    }
    for home in ["home/bob", "/home:bob", "/home\nroot::0:0::/:/bin/sh"] {
        assert!(image().apply(&[with_home(home)]).is_err(), "{home}");
    }
}

#[test]
fn an_image_without_accounts_gets_the_two_plain_files() {
    let draft = Image::default().apply(&[user("bob", Some(1000), false)]).unwrap();
    let merged = Image::default().with(&draft);
    assert_eq!(merged.text("etc/passwd"), "bob:!:1000:1000::/home/bob:/bin/bash\n");
    assert_eq!(merged.text("etc/group"), "bob:!:1000:\n");
    assert!(merged.tree.get(&path("etc/shadow")).is_none());
}

#[test]
fn a_hostile_passwd_link_stays_inside() {
    let image = Image::new(&[
        ("etc/passwd", Node::Link("../../../../data/passwd")),
        ("data/passwd", Node::File(PASSWD)),
        ("etc/group", Node::File(GROUP)),
    ]);
    let draft = image.apply(&[user("bob", None, true)]).unwrap();
    assert!(draft.contents.contains_key(&path("data/passwd")));
}

#[expect(clippy::disallowed_methods, reason = "a test compares with the programs themselves")]
fn run(root: &Path, program: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("SOURCE_DATE_EPOCH", BUILD_EPOCH.to_string());
    command.arg("--prefix").arg(root).args(arguments).output().ok()
}

/// The same lines as groupadd and useradd of this machine write, where it has them.
#[test]
fn lines_are_those_of_useradd() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for (at, text) in FILES {
        std::fs::create_dir_all(root.join(at).parent().unwrap()).unwrap();
        std::fs::write(root.join(at), text).unwrap();
    }
    let commands: &[(&str, &[&str])] = &[
        ("groupadd", &["hpc"]),
        ("groupadd", &["-r", "spool"]),
        ("groupadd", &["-g", "2500", "lab"]),
        ("useradd", &["-s", "/bin/bash", "bob"]),
        ("useradd", &["-r", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", "db"]),
        (
            "useradd",
            &["-s", "/bin/bash", "-u", "2600", "-g", "hpc", "-G", "sudo,video", "-c", "Eve", "eve"],
        ),
        ("useradd", &["-s", "/bin/bash", "zoe"]),
    ];
    for (program, arguments) in commands {
        // Without the program, or without the right to run it, there is nothing to compare with.
        let Some(output) = run(root, program, arguments) else {
            return;
        };
        if std::fs::metadata(root).unwrap().uid() != 0 {
            return;
        }
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    }
    let eve = ChangeKind::User(User {
        name: "eve".to_owned(),
        uid: Some(2600),
        group: Some("hpc".to_owned()),
        groups: vec!["sudo".to_owned(), "video".to_owned()],
        comment: "Eve".to_owned(),
        ..User::default()
    });
    // One list for each command, so that ids given later are not set aside.
    let lists = [
        group("hpc", None, false),
        group("spool", None, true),
        group("lab", Some(2500), false),
        user("bob", None, false),
        user("db", None, true),
        eve,
        user("zoe", None, false),
    ];
    let mut image = image();
    for change in lists {
        let draft = image.apply(&[change]).unwrap();
        image = image.with(&draft);
    }
    for (at, _) in FILES {
        let theirs = std::fs::read_to_string(root.join(at)).unwrap();
        assert_eq!(image.text(at), theirs, "{at}");
    }
}

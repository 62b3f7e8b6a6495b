//! Directories of the project that are copied into an image: built, and one file more. As root.

use std::os::unix::fs::{PermissionsExt, symlink};

use forge_test::{SmallSite, Turn};

const SITE: &str = r#"
base "small" { archive "bases/base.tar"; }
image "test-node" {
    base "small"
    role "site"
    role "other"
    output "initramfs"
}
"#;

const ROLE: &str = r#"role "site" {
    directory "/usr" source="files/usr"
    directory "/srv/app" source="files/app" owner="nobody" group="nogroup" dir-mode="0750"
}
"#;

#[test]
fn a_directory_is_copied_and_a_file_more_makes_one_layer_anew() {
    let _turn = Turn::take();
    let lab = SmallSite::with(&[
        ("site.kdl", SITE),
        ("roles/site.kdl", ROLE),
        ("roles/other.kdl", "role \"other\" { file \"/etc/other\" { content \"x\"; }; }"),
        ("roles/files/usr/bin/tool", "#!/bin/sh\necho hello\n"),
        ("roles/files/usr/lib/tool/data", "data\n"),
        ("roles/files/app/a/b", "b\n"),
    ]);
    let files = lab.site.project().join("roles/files");
    let bits = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(files.join("usr/bin/tool"), bits).expect("a mode");
    symlink("tool", files.join("usr/bin/tool-link")).expect("a link");
    lab.build();
    let run = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let whole = [&["shell", "test-node", "--"], words.as_slice()].concat();
        lab.forgec.run(&whole).expect(0).stdout
    };
    assert_eq!(run("/usr/bin/tool-link"), "hello\n");
    assert_eq!(lab.read("/usr/lib/tool/data"), "data\n");
    let listed = run("/bin/ls -ldn /srv/app /srv/app/a /srv/app/a/b /usr/lib");
    let lines: Vec<Vec<_>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let shown: Vec<_> =
        lines.iter().map(|words| format!("{} {} {}", words[0], words[2], words[3])).collect();
    let want = [
        "drwxr-xr-x 65534 65534",
        "drwxr-x--- 65534 65534",
        "-rw-r--r-- 65534 65534",
        "drwxr-xr-x 0 0",
    ];
    assert_eq!(shown, want, "{listed}");

    lab.site.write("roles/files/app/a/c", "c\n");
    let built = lab.build();
    for (layer, done) in [("site/files", true), ("other/files", false)] {
        assert_eq!(built.done.contains(layer), done, "{layer}\n{}", built.run.stderr);
    }
    let blamed = lab.forgec.run(&["blame", "test-node", "/srv/app/a/c"]).expect(0).stdout;
    assert_eq!(blamed, "/srv/app/a/c: site/files, roles/site.kdl:3\n");
    // What git ignores is not in the image.
    lab.site.write(".gitignore", "*.swp\n");
    lab.site.write("roles/files/app/a/.c.swp", "c\n");
    lab.build().expect(&[]);
}

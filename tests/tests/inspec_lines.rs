//! Lines of a shell that a tree decides: each gives what the real programs give over the same files.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use forge_test::built_binary;

/// Lines over the tree at `@`. Where a program takes the directory's order, the line sorts.
const SAME: &[&str] = &[
    "find @ | sort",
    "find @/ -type f | sort",
    "find @ -type d -name 'b*'",
    "find @ -type f ! -name '*.conf' | sort",
    "find @ -maxdepth 1 -type f -name '.*'",
    "find @ -type f -maxdepth 1 | sort",
    "find @ -mindepth 2 -maxdepth 2 | sort",
    "find @ -iname 'A.CONF' | sort",
    r"find @ \( -perm -4000 -o -perm -2000 \) -type f",
    "find @ -perm 0600",
    "find @ -perm /u=s,g=s",
    "find @ -perm -o+w | sort",
    "find @ -xdev -type d -perm -0002 -a ! -perm -1000",
    "find @ -path '*/b/*' | sort",
    "find @ -name b -prune -o -type f -print | sort",
    "find @ -type f,l -name 'l*'",
    "find @ -name '[ab]*' | wc -l",
    "find @/link -name '*'",
    "find @/link/ -type f | sort",
    "find @/absent -type f 2>/dev/null | grep -v '^find:'",
    "find @ -nouser 2>/dev/null",
    "find @/*.conf",
    "grep one @/a.conf",
    "grep -c one @/a.conf @/b/b.conf",
    "grep -i ONE @/a.conf",
    "grep -n one @/a.conf",
    "grep -v one @/a.conf",
    "grep -q one @/a.conf",
    "grep -q nothing @/a.conf",
    "grep -l one @/*.conf @/b/*.conf",
    "grep -hE '^(one|two) *=' @/a.conf",
    "grep -H one @/a.conf",
    r"grep '^\s*one\s\+=' @/a.conf",
    r"grep 'a\{2\}' @/a.conf",
    "grep 'a{2}' @/a.conf",
    "grep -E 'a{2}' @/a.conf",
    "grep '^*' @/a.conf",
    "grep 'b*c' @/a.conf",
    r"grep 'x\.y' @/a.conf",
    "grep '[[:space:]]$' @/a.conf",
    r"grep '[\.]' @/a.conf",
    "grep '[]x]' @/a.conf",
    "grep -F 'a{2}' @/a.conf",
    "grep -w one @/a.conf",
    "grep -x three @/a.conf",
    "grep -e one -e three @/a.conf",
    r"grep -Po 'delay=\s*[0-9]+' @/a.conf | cut -d '=' -f2",
    "grep -o 'delay=[0-9]*' @/a.conf",
    r"grep ^\$three @/a.conf",
    r#"grep "three$" @/a.conf"#,
    "grep -r one @ | sort",
    "grep -rl one @/b | sort",
    "grep -s one @/absent",
    "grep one @/absent",
    "grep one @/absent @/a.conf",
    "grep one @/b",
    "grep one @/binary @/a.conf",
    "cat @/a.conf @/b/b.conf",
    "cat @/a.conf | grep one | cut -d= -f1",
    "cat @/absent",
    "cat @/a.conf | head -n 2 | tail -1",
    "cat @/a.conf | sort -u | wc -l",
    "cat @/a.conf | cut -d' ' -f2- | sort | uniq",
    r"cat @/a.conf | head -1 | tr -d '\n'",
    "cat @/bare | grep -c last",
    "ls @/a.conf",
    "ls @/absent",
    "test -f @/a.conf",
    "test -d @/a.conf",
    "test ! -e @/absent",
    "[ -s @/empty ]",
    "[ -h @/link ]",
];

/// Lines that nothing but a shell decides.
const UNKNOWN: &[&str] = &[
    "find @ -type f -exec cat {} +",
    "find @ -newer @/a.conf",
    "find @ -user nobody-has-this-name",
    r"grep '\(one\).*\1' @/a.conf",
    r"grep 'a\v' @/a.conf",
    "grep -oE 'on|one' @/a.conf",
    "grep -f @/a.conf @/a.conf",
    "grep -c one @/binary @/a.conf; true",
    "grep . @/binary",
    "cat @/a.conf > @/x",
    "cat $HOME/a",
    "cat @/a.conf | awk '{ print $1 }'",
    "cat /proc/cpuinfo",
    "find /sys -maxdepth 0",
    "no-such-program > @/a.conf",
    "ulimit -n",
    "df --local -P | awk '{ if (NR!=1) print $6 }' | xargs -I '{}' du '{}'",
    "ls @",
    "ls -l @/a.conf",
    "cat @/a.conf | sort -n",
];

fn make(tree: &Path) {
    let file = |name: &str, text: &[u8], mode: u32| {
        let path = tree.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(tree.join("b/c")).unwrap();
    fs::create_dir(tree.join("open")).unwrap();
    fs::set_permissions(tree.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
    let text = "one = 1\n  one  = 2 \ntwo= aa\nONE\nthree\n$three\n*star\nabc delay= 40 delay=5\n\
                a{2}\nx.y x]y\nxone\n";
    file("a.conf", text.as_bytes(), 0o644);
    file("b/b.conf", b"one\n", 0o600);
    file("b/c/A.conf", b"two\n", 0o4755);
    file(".hidden", b"", 0o644);
    file("empty", b"", 0o644);
    file("bare", b"first\nlast", 0o644);
    file("binary", b"\0\xff\n", 0o644);
    symlink("b", tree.join("link")).unwrap();
}

/// A text as Ruby writes it between apostrophes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[test]
fn a_tree_answers_as_the_programs_do() {
    let scratch = tempfile::tempdir().unwrap();
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).unwrap();
    make(&tree);
    let tree = tree.to_str().unwrap();
    let mut controls = String::from(
        "  describe command('no-such-program --x | grep y') do\n    its('stdout') { should eq '' }\n  \
         end\n  describe command('no-such-program') do\n    its('stdout') { should eq '' }\n  end\n",
    );
    for line in SAME {
        let line = line.replace('@', tree);
        let real =
            Command::new("sh").args(["-c", &line]).env("LC_ALL", "C.UTF-8").output().unwrap();
        let expectations: String = [
            ("stdout", quoted(std::str::from_utf8(&real.stdout).unwrap())),
            ("stderr", quoted(std::str::from_utf8(&real.stderr).unwrap())),
            ("exit_status", real.status.code().unwrap().to_string()),
        ]
        .map(|(name, value)| format!("    its('{name}') {{ should eq {value} }}\n"))
        .concat();
        let command = quoted(&line);
        controls.push_str(&format!("  describe command({command}) do\n{expectations}  end\n"));
    }
    let same = format!("control 'same' do\n{controls}end\n");
    let mut unknown = String::new();
    for line in UNKNOWN {
        let line = quoted(&line.replace('@', tree));
        let expectation = "    its('stdout') { should eq '' }\n";
        unknown.push_str(&format!("  describe command({line}) do\n{expectation}  end\n"));
    }
    let profile = scratch.path().join("profile");
    fs::create_dir_all(profile.join("controls")).unwrap();
    fs::write(profile.join("inspec.yml"), "name: lines\n").unwrap();
    let controls = format!("{same}control 'unknown' do\n{unknown}end\n");
    fs::write(profile.join("controls/lines.rb"), controls).unwrap();
    let run = Command::new(built_binary())
        .args(["controls", "run", "--tree", "/", "--format", "json-min", "--inspec"])
        .arg(&profile)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let rows = report["controls"].as_array().unwrap();
    let wrong: Vec<_> = rows
        .iter()
        .filter(|row| {
            let known = row["id"] == "same";
            row["status"] != if known { "passed" } else { "skipped" }
        })
        .map(ToString::to_string)
        .collect();
    assert_eq!(rows.len(), SAME.len() * 3 + UNKNOWN.len() + 2, "{report}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

use super::*;

fn line(pattern: Option<&str>, text: &str, append: bool) -> Edit {
    Edit::Line { pattern: pattern.map(str::to_owned), text: text.to_owned(), append }
}

fn setting(section: Option<&str>, key: &str, separator: &str, value: &str) -> Edit {
    Edit::Setting {
        section: section.map(str::to_owned),
        key: key.to_owned(),
        separator: separator.to_owned(),
        value: value.to_owned(),
    }
}

fn edited(edit: &Edit, text: &str) -> Result<String, String> {
    match edit.apply(text.as_bytes()) {
        Ok(bytes) => Ok(String::from_utf8(bytes).unwrap()),
        Err(error) => {
            assert!(!error.help().is_empty());
            Err(error.to_string())
        }
    }
}

/// Name, edit, the file before, what comes of it.
type Case<'a> = (&'a str, Edit, &'a str, Result<&'a str, &'a str>);

fn check(cases: &[Case<'_>]) {
    for (name, edit, before, want) in cases {
        let want = want.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(edited(edit, before), want, "{name}");
    }
}

const SSHD: &str = "# Port 22\n#PermitRootLogin prohibit-password\nUsePAM yes\n";

#[test]
fn lines_are_replaced_or_put_at_the_end() {
    let root = Some("^#?PermitRootLogin");
    let cases: &[Case<'_>] = &[
        (
            "the one that matches",
            line(root, "PermitRootLogin no", false),
            SSHD,
            Ok("# Port 22\nPermitRootLogin no\nUsePAM yes\n"),
        ),
        (
            "the text is no replacement pattern",
            line(Some("^(Use)PAM"), "$1 $$ \\1 ${x}", false),
            "UsePAM yes\n",
            Ok("$1 $$ \\1 ${x}\n"),
        ),
        (
            "nothing matches",
            line(root, "x", false),
            "a\n",
            Err("no line matches `^#?PermitRootLogin`"),
        ),
        ("nothing matches, at the end then", line(root, "x", true), "a\n", Ok("a\nx\n")),
        ("nothing matches, but it stands there", line(root, "x", false), "x\na\n", Ok("x\na\n")),
        ("several match", line(Some("a"), "x", true), "a\nb\nab\n", Err("lines 1, 3 match `a`")),
        ("without a pattern", line(None, "x", false), "a\n", Ok("a\nx\n")),
        ("without a pattern, it stands there", line(None, "x", false), "x\na\n", Ok("x\na\n")),
        ("a part of a line is no line", line(None, "x", false), "xy\n", Ok("xy\nx\n")),
        ("no line break at the end", line(None, "x", false), "a", Ok("a\nx\n")),
        ("the last line, without line break", line(Some("b"), "x", false), "a\nb", Ok("a\nx")),
        ("an empty file", line(None, "x", false), "", Ok("x\n")),
        ("CR LF", line(Some("^a$"), "x", false), "a\r\nb\r\n", Ok("x\r\nb\r\n")),
        ("CR LF at the end", line(None, "x", false), "a\r\n", Ok("a\r\nx\r\n")),
        ("^ and $ are the line's ends", line(Some("^b$"), "x", false), "abc\nb\n", Ok("abc\nx\n")),
    ];
    check(cases);
    let bytes = line(Some("^b"), "x", false).apply(b"\xff\nb\n").unwrap();
    assert_eq!(bytes, b"\xff\nx\n");
    let error = line(Some("("), "x", false).apply(b"").unwrap_err();
    assert!(error.to_string().starts_with("not a regular expression: "), "{error}");
}

const JOURNALD: &str =
    "#  comment\n\n[Journal]\n#Storage=auto\n#Compress=yes\nSeal=yes\n\n[Other]\nStorage=x\n";

#[test]
fn settings_are_set_where_they_stand() {
    let cases: &[Case<'_>] = &[
        (
            "set: the value goes",
            setting(Some("Journal"), "Seal", "=", "no"),
            JOURNALD,
            Ok(
                "#  comment\n\n[Journal]\n#Storage=auto\n#Compress=yes\nSeal=no\n\n[Other]\nStorage=x\n",
            ),
        ),
        (
            "shown by a comment: below it",
            setting(Some("Journal"), "Storage", "=", "volatile"),
            JOURNALD,
            Ok(
                "#  comment\n\n[Journal]\n#Storage=auto\nStorage=volatile\n#Compress=yes\nSeal=yes\n\n[Other]\nStorage=x\n",
            ),
        ),
        (
            "nowhere: after the section's last",
            setting(Some("Journal"), "New", "=", "1"),
            JOURNALD,
            Ok(
                "#  comment\n\n[Journal]\n#Storage=auto\n#Compress=yes\nSeal=yes\nNew=1\n\n[Other]\nStorage=x\n",
            ),
        ),
        (
            "a section without settings",
            setting(Some("A"), "k", "=", "1"),
            "[A]\n# text\n\n[B]\n",
            Ok("[A]\nk=1\n# text\n\n[B]\n"),
        ),
        (
            "no such section",
            setting(Some("B"), "k", "=", "1"),
            "[A]\na = 2\n",
            Ok("[A]\na = 2\n\n[B]\nk = 1\n"),
        ),
        ("an empty file", setting(Some("B"), "k", "=", "1"), "", Ok("[B]\nk=1\n")),
        ("an empty file, no section", setting(None, "k", " ", "1"), "", Ok("k 1\n")),
        (
            "the section twice",
            setting(Some("A"), "k", "=", "1"),
            "[A]\na=1\n[B]\nb=1\n[A]\nc=1\n",
            Ok("[A]\na=1\n[B]\nb=1\n[A]\nc=1\nk=1\n"),
        ),
    ];
    check(cases);
}

#[test]
fn a_key_that_is_set_in_another_way_is_not_set_again() {
    let by = |what: &str| format!("line 3 sets `UsePAM` with {what} before the value");
    let blank = by("white space");
    check(&[
        ("a blank", setting(None, "UsePAM", "=", "no"), SSHD, Err(&blank)),
        ("a blank, for a colon", setting(None, "UsePAM", ":", "no"), SSHD, Err(&blank)),
        (
            "a comment shows nothing that counts",
            setting(None, "PermitRootLogin", "=", "no"),
            "#PermitRootLogin yes\nA=1\n",
            Ok("#PermitRootLogin yes\nA=1\nPermitRootLogin=no\n"),
        ),
        (
            "an equals sign",
            setting(None, "key", " ", "2"),
            "key=1\n",
            Err("line 1 sets `key` with `=` before the value"),
        ),
        (
            "an equals sign between blanks",
            setting(None, "key", " ", "2"),
            "key = 1\n",
            Err("line 1 sets `key` with `=` before the value"),
        ),
        (
            "a value of colons",
            setting(None, "Listen", " ", "::1"),
            "Listen ::\n",
            Ok("Listen ::1\n"),
        ),
        (
            "another key",
            setting(None, "Use", "=", "no"),
            "UsePAM yes\n",
            Ok("UsePAM yes\nUse=no\n"),
        ),
        (
            "in another section",
            setting(Some("s"), "key", "=", "2"),
            "key 1\n[s]\n",
            Ok("key 1\n[s]\nkey=2\n"),
        ),
    ]);
}

#[test]
fn settings_are_written_like_those_around() {
    let cases: &[Case<'_>] = &[
        (
            "before the first section",
            setting(None, "k", "=", "1"),
            "# what it is\n\n# of A\n[A]\nk=2\n",
            Ok("# what it is\n\nk=1\n# of A\n[A]\nk=2\n"),
        ),
        (
            "spaces as the line has them",
            setting(None, "k", "=", "1"),
            "  k  =\t2 # why\n",
            Ok("  k  =\t1\n"),
        ),
        (
            "spaces as the comment has them",
            setting(None, "k", "=", "1"),
            "; k = 2\n",
            Ok("; k = 2\nk = 1\n"),
        ),
        (
            "spaces as the other lines have them",
            setting(None, "k", "=", "1"),
            "a = 2\n",
            Ok("a = 2\nk = 1\n"),
        ),
        ("no value yet", setting(None, "k", "=", "1"), "k=\n", Ok("k=1\n")),
        (
            "white space between",
            setting(None, "UMASK", " ", "077"),
            "# UMASK is\nPASS\t\t1\nUMASK\t\t022\n",
            Ok("# UMASK is\nPASS\t\t1\nUMASK\t\t077\n"),
        ),
        (
            "white space, no value yet",
            setting(None, "UMASK", " ", "077"),
            "UMASK\n",
            Ok("UMASK 077\n"),
        ),
        (
            "white space, as other lines",
            setting(None, "UMASK", " ", "077"),
            "PASS\t1\n",
            Ok("PASS\t1\nUMASK\t077\n"),
        ),
        ("another separator", setting(None, "k", ":", "1"), "k: 2\n", Ok("k: 1\n")),
        (
            "a value that holds the separator",
            setting(None, "k", "=", "a=b"),
            "k=c=d\n",
            Ok("k=a=b\n"),
        ),
        ("another key", setting(None, "k", "=", "1"), "kk=2\nK=3\n", Ok("kk=2\nK=3\nk=1\n")),
        ("set twice", setting(None, "k", "=", "1"), "k=2\na=1\nk=3\n", Err("lines 1, 3 set `k`")),
        (
            "goes on",
            setting(None, "k", "=", "1"),
            "k=a \\\n  b\n",
            Err("the value of `k` goes on after line 1"),
        ),
        ("the same", setting(None, "k", "=", "1"), "k=1\n", Ok("k=1\n")),
        ("CR LF", setting(Some("A"), "k", "=", "1"), "[A]\r\na=1\r\n", Ok("[A]\r\na=1\r\nk=1\r\n")),
        ("no line break at the end", setting(None, "k", "=", "1"), "a=1", Ok("a=1\nk=1\n")),
    ];
    check(cases);
}

#[test]
fn an_edit_made_twice_changes_nothing_more() {
    let texts = [SSHD, JOURNALD, "", "a", "k = 1", "[A]\n", "x\r\n"];
    let edits = [
        line(None, "x", false),
        line(Some("^#?PermitRootLogin"), "PermitRootLogin no", true),
        setting(None, "k", "=", "1"),
        setting(Some("Journal"), "Storage", "=", "volatile"),
        setting(None, "Use", " ", "x"),
    ];
    for edit in &edits {
        for text in texts {
            let once = edit.apply(text.as_bytes()).unwrap();
            assert_eq!(edit.apply(&once).unwrap(), once, "{edit:?} on {text:?}");
        }
    }
}

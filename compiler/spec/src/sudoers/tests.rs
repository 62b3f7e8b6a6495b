use super::*;

include!("cases.rs");

#[test]
fn rules_of_sudo_are_rules() {
    for rule in GOOD {
        assert_eq!(check_rule(rule, &mut Aliases::new()), Ok(()), "{rule}");
    }
}

#[test]
fn whole_files_have_comments_and_continued_lines() {
    for (text, want) in FILES {
        let found: Vec<_> = check_file(text).into_iter().map(|(place, _)| &text[place]).collect();
        assert_eq!(found, want, "{text:?}");
    }
}

#[test]
fn sudo_reads_one_file_and_one_directory() {
    let read = |path: &str| is_read(&ImagePath::new(path).unwrap());
    for path in ["/etc/sudoers", "/etc/sudoers.d/10-site", "/etc/sudoers.d/README"] {
        assert!(read(path), "{path}");
    }
    for path in ["/etc/sudoers.d/a.b", "/etc/sudoers.d/a~", "/etc/sudoers.d/a/b", "/etc/x", "/"] {
        assert!(!read(path), "{path}");
    }
}

#[test]
fn what_sudo_cannot_read_is_told() {
    for (rule, want) in BAD {
        let found = check_rule(rule, &mut Aliases::new()).unwrap_err();
        assert!(found.why.contains(want), "{rule}: {found:?}");
        assert!(!found.help.is_empty(), "{rule}");
    }
}

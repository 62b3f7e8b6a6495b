use super::{Abi, Host, load};
use crate::stop::Stop;

/// What auditctl 3.0.9 lists, in a kernel 6.18 of `x86_64`, after it has read each text: lines with `= `
/// before them. `\t` and `\r` are those characters.
const MEASURED: &str = include_str!("../measured.txt");

struct Debian;

impl Host for Debian {
    fn native(&self) -> Abi {
        Abi::X86_64
    }

    fn is_directory(&mut self, path: &str) -> Result<bool, Stop> {
        const DIRECTORIES: [&str; 8] = [
            "",
            "/etc",
            "/etc/alternatives",
            "/etc/../etc",
            "/bin",
            "/tmp",
            "/usr/bin",
            "/var/log",
        ];
        Ok(DIRECTORIES.contains(&path.trim_end_matches('/')))
    }

    fn exists(&mut self, path: &str) -> Result<bool, Stop> {
        Ok(path == "/etc/passwd" || self.is_directory(path)?)
    }

    fn uid(&mut self, name: &str) -> Result<Option<u32>, Stop> {
        Ok((name == "root").then_some(0))
    }

    fn gid(&mut self, name: &str) -> Result<Option<u32>, Stop> {
        Ok((name == "adm").then_some(4))
    }
}

#[test]
fn rules_are_listed_as_auditctl_lists_them() {
    let mut wrong = Vec::new();
    let cases: Vec<_> = MEASURED.split("\n\n").collect();
    for case in &cases {
        let (listed, written): (Vec<_>, Vec<_>) =
            case.trim_end_matches('\n').split('\n').partition(|line| line.starts_with("= "));
        let text = written.join("\n").replace("\\t", "\t").replace("\\r", "\r");
        let want: Vec<_> = listed.iter().map(|line| &line[2..]).collect();
        let got = load(&text, &mut Debian).unwrap();
        if got != want {
            wrong.push(format!("{}\n  got  {got:?}\n  want {want:?}", written.join("\n")));
        }
    }
    assert!(cases.len() > 250, "{} cases", cases.len());
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_machine_without_a_table_keeps_names() {
    struct Other;
    impl Host for Other {
        fn native(&self) -> Abi {
            Abi::native("aarch64")
        }
        fn is_directory(&mut self, _path: &str) -> Result<bool, Stop> {
            Ok(true)
        }
        fn exists(&mut self, _path: &str) -> Result<bool, Stop> {
            Ok(true)
        }
        fn uid(&mut self, _name: &str) -> Result<Option<u32>, Stop> {
            Ok(None)
        }
        fn gid(&mut self, _name: &str) -> Result<Option<u32>, Stop> {
            Ok(None)
        }
    }
    let text = "-a always,exit -F arch=b64 -S openat,renameat2 -k x\n";
    let want = ["-a always,exit -F arch=b64 -S openat,renameat2 -F key=x"];
    assert_eq!(load(text, &mut Other).unwrap(), want);
}

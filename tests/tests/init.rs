//! `forgec init` writes a project that checks, plans, and is in the one style.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

use forge_test::{Forgec, shaped};
use serde_json::json;
use tempfile::TempDir;

struct Lab {
    scratch: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { scratch: TempDir::with_prefix("forge-init-").unwrap() }
    }

    fn project(&self) -> PathBuf {
        self.scratch.path().join("site")
    }

    fn forgec(&self) -> Forgec {
        Forgec::new(&self.project(), self.scratch.path())
    }

    fn init(&self, arguments: &[&str], code: i32) -> String {
        fs::create_dir_all(self.project()).unwrap();
        let run = self.forgec().run(&[&["init"], arguments].concat()).expect(code);
        format!("{}{}", run.stdout, run.stderr)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.project().join(path)).unwrap()
    }
}

#[test]
fn what_it_writes_checks_and_plans() {
    let lab = Lab::new();
    let told = lab.init(&[], 0);
    assert!(told.contains("forgec boot first-compute"), "{told}");
    let forgec = lab.forgec();
    forgec.run(&["check", "--deny-warnings"]).expect(0);
    forgec.run(&["fmt", "--check"]).expect(0);
    let plan = shaped("plan", &forgec.run(&["plan", "--format", "json"]).expect(0).stdout);
    assert_eq!(plan["images"][0]["image"], json!("first-compute"));
    assert!(plan["work"]["steps"].as_u64().unwrap() > 5, "{plan:#}");
    assert_eq!(lab.read(".gitignore").lines().last(), Some("/out/"));
}

/// Names that a shell, KDL or a template could take for something else stay what they are.
#[test]
fn options_say_what_is_written() {
    let lab = Lab::new();
    let contact = "a \"b\" \\ ${cluster} {{ type }} #help";
    lab.init(
        &[
            "--cluster",
            "summit",
            "--type",
            "gpu-node",
            "--suite",
            "trixie",
            "--kernel",
            "linux-image-amd64",
            "--contact",
            contact,
            "--ci",
            "none",
        ],
        0,
    );
    let forgec = lab.forgec();
    let shown = forgec.run(&["show", "summit-gpu-node", "--resolved"]).expect(0).stdout;
    for word in ["trixie", "linux-image-amd64", "${cluster} {{ type }} #help"] {
        assert!(shown.contains(word), "{word}\n{shown}");
    }
    assert!(!lab.project().join(".gitlab-ci.yml").exists());
    let usage = lab.init(&["--cluster", "Two-Words"], 2);
    assert!(usage.contains("CLUSTER-TYPE"), "{usage}");
}

#[test]
fn nothing_is_overwritten() {
    let lab = Lab::new();
    fs::create_dir_all(lab.project().join("roles/motd")).unwrap();
    for path in ["images.kdl", "roles/motd/motd.j2"] {
        fs::write(lab.project().join(path), "mine").unwrap();
    }
    let told = lab.init(&[], 1);
    assert!(told.contains("`images.kdl`, `roles/motd/motd.j2`"), "{told}");
    assert!(!lab.project().join("forge.kdl").exists());
    assert_eq!(lab.read("images.kdl"), "mine");
    fs::remove_file(lab.project().join("images.kdl")).unwrap();
    fs::remove_file(lab.project().join("roles/motd/motd.j2")).unwrap();
    lab.init(&[], 0);
    assert!(lab.init(&[], 1).contains("is a project already"));
    assert!(lab.init(&["below/it"], 1).contains("lies in the project"));
    assert!(!lab.project().join("below").exists());
}

/// The pipeline is the one of the book.
#[test]
fn the_pipeline_is_the_books() {
    let lab = Lab::new();
    lab.init(&[], 0);
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src/merge-requests.md");
    let book = fs::read_to_string(book).unwrap();
    let pipeline = lab.read(".gitlab-ci.yml");
    assert!(pipeline.len() > 500 && book.contains(&format!("```yaml\n{pipeline}```")));
}

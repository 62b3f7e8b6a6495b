//! The book's set-up of Neovim, tried.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use forge_test::{Site, built_binary};

/// The block of Lua that begins with a comment of this name.
fn block(page: &str, name: &str) -> String {
    let mut blocks = page.split("```lua\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let begins = |text: &&str| text.lines().next().unwrap().contains(name);
    blocks.find(begins).unwrap_or_else(|| panic!("no block `{name}`")).to_owned()
}

/// Whoever runs the tests as root has it (`tests/run`).
#[test]
fn neovim_shows_what_check_says() {
    if Command::new("nvim").arg("--version").output().is_err() {
        let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        assert!(!root, "nvim is not there: install `neovim`");
        return;
    }
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src/editors.md");
    let page = fs::read_to_string(book).unwrap();
    let site = Site::new(&[(
        "images.kdl",
        "base \"b\" { debian suite=\"bookworm\"; }\nimage \"a-b\" { base \"c\"; }\n",
    )]);
    let scratch = site.scratch();
    fs::write(scratch.join("forge.lua"), block(&page, "lua/forge.lua")).unwrap();
    fs::write(scratch.join("diagnostics.lua"), block(&page, "diagnostics.lua")).unwrap();
    let programs = built_binary().parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("nvim")
        .arg("--headless")
        .arg("-u")
        .arg(scratch.join("forge.lua"))
        .arg("images.kdl")
        .arg("-c")
        .arg(format!("luafile {}", scratch.join("diagnostics.lua").display()))
        .current_dir(site.project())
        .env("PATH", format!("{programs}:{path}"))
        .env("HOME", scratch)
        .env("XDG_STATE_HOME", scratch)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("images.kdl:2: there is no base `c`"), "{told}");
}

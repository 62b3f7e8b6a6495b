//! Writes a table of all files below `stdlib/`, their bytes taken in by the compiler.

#![expect(clippy::disallowed_methods, reason = "it runs when forge is built, not when a spec is")]

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when it runs: a build directory may serve several checkouts.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let root = manifest.join("../../stdlib").canonicalize()?;
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).unwrap_or(file).display();
        let executable = fs::metadata(file)?.permissions().mode() & 0o111 != 0;
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "    File {{ path: \"std/{name}\", executable: {executable}, content: include_bytes!(r\"{}\") }},",
            file.display()
        );
    }
    table.push_str("]\n");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("files.rs"), table)
}

/// All files below a directory. A new one changes its directory's time, so cargo looks again.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", directory.display());
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

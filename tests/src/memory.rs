use std::fs;
use std::path::Path;

use forge_model::MemorySources;

/// All files below `directory`, as the sources of a project that a test may change.
pub fn read_site(directory: &Path) -> MemorySources {
    let mut sources = MemorySources::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(below) = pending.pop() {
        for entry in fs::read_dir(&below).expect("a directory of the site") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let name = path.strip_prefix(directory).expect("a path below the site");
            let name = name.to_str().expect("a path in UTF-8");
            sources.insert(name, fs::read(&path).expect("a file of the site"));
        }
    }
    sources
}

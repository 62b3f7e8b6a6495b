//! Says what the whole suite changed on the host.
//!
//! ```text
//! host-picture take FILE      before the tests
//! host-picture compare FILE   after them: exit 1, and a line for each difference
//! ```
//!
//! Compared are all paths below the usual directories with mode, owner, size, time and content,
//! mounts, cgroups, and processes of a build's programs. Only the checkout is left out, and, where
//! other programs write too (`/tmp`, `/root`), names that no tool of a build gives.

use std::process::ExitCode;
use std::time::Duration;

use forge_test::{HostPicture, Scope};

/// How often the host is looked at before a difference counts: a stopped container's cgroup takes
/// a moment to go.
const TRIES: u32 = 3;

#[expect(clippy::print_stderr, reason = "its findings are for whoever runs the tests")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["take", file] => take(file).map(|()| Vec::new()),
        ["compare", file] => compare(file),
        _ => Err("usage: host-picture take|compare FILE".to_owned()),
    };
    match result {
        Ok(differences) if differences.is_empty() => ExitCode::SUCCESS,
        Ok(differences) => {
            eprintln!("the tests changed the host:\n{}", differences.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("host-picture: {error}");
            ExitCode::from(2)
        }
    }
}

fn take(file: &str) -> Result<(), String> {
    let picture = HostPicture::take(Scope::Everything);
    let text = serde_json::to_string(&picture).map_err(|error| error.to_string())?;
    std::fs::write(file, text).map_err(|error| format!("{file}: {error}"))
}

fn compare(file: &str) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let before: HostPicture = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut differences = Vec::new();
    for _ in 0..TRIES {
        differences = before.differences(&HostPicture::take(Scope::Everything));
        if differences.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    Ok(differences)
}

//! From a keystroke to what an editor shows: `textDocument/didChange` to the findings of that state.

use std::path::Path;
use std::time::{Duration, Instant};

use forge_test::{Editor, Forgec, Site};
use serde_json::json;

/// Types a line into a role of the example site, letter by letter, and takes it away again.
pub(crate) fn run(rounds: usize) {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("specs");
    let site = Site::copy_of(&specs);
    let forgec = Forgec::new(&site.project(), site.scratch());
    let mut editor = Editor::start(&forgec, &site.project(), &json!({}));
    let watching =
        json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } });
    let mut watched = Editor::start(&forgec, &site.project(), &watching);
    for (name, editor) in
        [("editor without file watching", &mut editor), ("editor that watches files", &mut watched)]
    {
        let mut times = typed(editor, &site, rounds);
        times.sort_unstable();
        let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        println!(
            "{name}: n={} median {:.1} ms, 95 % {:.1} ms, most {:.1} ms",
            times.len(),
            at(50),
            at(95),
            at(100)
        );
    }
}

fn typed(editor: &mut Editor, site: &Site, rounds: usize) -> Vec<Duration> {
    let path = "roles/node-base/role.kdl";
    let text = std::fs::read_to_string(site.project().join(path)).expect("a role of the site");
    editor.open(path, 1, &text);
    editor.findings(path, Some(1));
    let line = text.lines().position(|line| line.contains("packages")).expect("a line");
    let new = "    sysctl \"vm.dirty_ratio\" \"${swappiness}\"\n";
    let (mut times, mut version) = (Vec::new(), 1);
    for _ in 0..rounds {
        for (column, letter) in new.chars().enumerate() {
            let here = json!({ "line": line, "character": column });
            let change =
                json!([{ "range": { "start": here, "end": here }, "text": letter.to_string() }]);
            version += 1;
            let start = Instant::now();
            editor.change(path, version, change);
            editor.findings(path, Some(version));
            times.push(start.elapsed());
        }
        let range = json!({ "start": { "line": line, "character": 0 },
                            "end": { "line": line + 1, "character": 0 } });
        version += 1;
        editor.change(path, version, json!([{ "range": range, "text": "" }]));
        editor.findings(path, Some(version));
    }
    times
}

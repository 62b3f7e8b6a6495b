//! forge beside its rivals, doing the same job on the same machine in turn.
//!
//! ```text
//! cargo run --release -p forge-test --bin bench -- [--rounds N] [--rivals shell,buildah] [--keep DIR]
//! cargo run --release -p forge-test --bin bench -- lsp     # from a keystroke to the findings
//! cargo run --release -p forge-test --bin bench -- controls       # a tree beside testinfra and oscap
//! cargo run --release -p forge-test --bin bench -- --scale 5     # check and plan of a large site
//! ```
//!
//! The job: Debian 12 minbase with systemd; seven services and a kernel; twenty files, three
//! accounts and five enabled units; a message of the day. The output is a newc cpio, zstd -3.
//! Printed are ratios of medians, forge to rival, of runs in turn. After the one-line change,
//! forge's artifact is compared with one built from nothing: a fast wrong rebuild is a failure.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod controls;
mod forge;
mod lsp;
mod rivals;
mod scale;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One way to do the job.
pub(crate) trait Builder {
    /// For the table.
    fn name(&self) -> &'static str;
    /// Throws away everything that was kept.
    fn clean(&self);
    /// Builds `images` of the four.
    fn build(&self, images: &[&str]);
    /// Changes one line of the last file.
    fn edit(&self, line: &str);
}

/// The four images.
pub(crate) const IMAGES: [&str; 4] =
    ["summit-compute", "summit-gpu", "blanca-compute", "blanca-gpu"];

struct Options {
    rounds: usize,
    rivals: Vec<String>,
    directory: PathBuf,
    /// Whether the directory stays, to look into or to measure again by hand.
    keep: bool,
    /// Rounds on the large site, instead of everything else.
    scale: Option<usize>,
}

fn options() -> Options {
    let mut options = Options {
        rounds: 3,
        rivals: vec!["shell".to_owned(), "buildah".to_owned()],
        directory: std::env::temp_dir().join(format!("forge-bench-{}", std::process::id())),
        keep: false,
        scale: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("`{argument}` takes a value"));
        match argument.as_str() {
            "--rounds" => options.rounds = value.parse().unwrap_or_else(|_| panic!("a number")),
            "--rivals" => options.rivals = value.split(',').map(str::to_owned).collect(),
            "--scale" => options.scale = Some(value.parse().unwrap_or_else(|_| panic!("a number"))),
            "--keep" => (options.directory, options.keep) = (PathBuf::from(value), true),
            _ => panic!("unknown option `{argument}`"),
        }
    }
    options
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("lsp") {
        return lsp::run(3);
    }
    if std::env::args().nth(1).as_deref() == Some("controls") {
        return controls::run(std::env::args().skip(2));
    }
    let options = options();
    std::fs::create_dir_all(&options.directory).unwrap_or_else(|error| panic!("{error}"));
    if let Some(rounds) = options.scale {
        scale::run(&options.directory, rounds);
    } else {
        against_rivals(&options);
    }
    if !options.keep {
        drop(std::fs::remove_dir_all(&options.directory));
    }
}

fn against_rivals(options: &Options) {
    let forge = forge::Forge::new(&options.directory.join("forge"));
    let mut builders: Vec<Box<dyn Builder>> = vec![Box::new(forge)];
    for rival in &options.rivals {
        builders.push(rivals::by_name(rival, &options.directory));
    }
    let mut table = Table::default();
    for round in 0..options.rounds {
        cold(&builders, &mut table);
        for step in 0..5 {
            for builder in &builders {
                table.time(builder.as_ref(), "no-op", || builder.build(&IMAGES[..1]));
            }
            for builder in &builders {
                builder.edit(&format!("Round {round}, edit {step}."));
                table.time(builder.as_ref(), "one line", || builder.build(&IMAGES[..1]));
            }
        }
        check(&options.directory);
        four(&builders, &mut table);
        table.print(round + 1);
    }
}

fn cold(builders: &[Box<dyn Builder>], table: &mut Table) {
    for builder in builders {
        builder.clean();
        table.time(builder.as_ref(), "cold, one image", || builder.build(&IMAGES[..1]));
    }
}

fn four(builders: &[Box<dyn Builder>], table: &mut Table) {
    for builder in builders {
        builder.clean();
        table.time(builder.as_ref(), "cold, four images", || builder.build(&IMAGES));
    }
}

/// The incremental result must be the result.
fn check(directory: &Path) {
    let fresh = forge::Forge::beside(&directory.join("forge"), &directory.join("fresh"));
    fresh.clean();
    fresh.build(&IMAGES[..1]);
    let incremental = forge::artifact(&directory.join("forge/out"), IMAGES[0]);
    let from_nothing = forge::artifact(&directory.join("fresh/out"), IMAGES[0]);
    assert!(incremental == from_nothing, "the incremental artifact differs from a fresh one");
    println!("incremental artifact equals one from nothing");
}

#[derive(Default)]
struct Table {
    rows: Vec<(&'static str, &'static str, Duration)>,
}

impl Table {
    fn time(&mut self, builder: &dyn Builder, scenario: &'static str, work: impl FnOnce()) {
        let start = Instant::now();
        work();
        let took = start.elapsed();
        println!("{scenario}: {} {:.3} s", builder.name(), took.as_secs_f64());
        self.rows.push((builder.name(), scenario, took));
    }

    fn median(&self, builder: &str, scenario: &str) -> Option<(Duration, usize)> {
        let matching = self.rows.iter().filter(|row| row.0 == builder && row.1 == scenario);
        let mut times: Vec<_> = matching.map(|row| row.2).collect();
        times.sort_unstable();
        Some((*times.get(times.len() / 2)?, times.len()))
    }

    fn print(&self, rounds: usize) {
        let mut builders: Vec<_> = self.rows.iter().map(|row| row.0).collect();
        builders.sort_unstable();
        builders.dedup();
        println!("\nafter {rounds} rounds, medians in seconds and forge / rival:");
        for scenario in ["cold, one image", "cold, four images", "no-op", "one line"] {
            let Some((own, runs)) = self.median("forge", scenario) else { continue };
            let mut line = format!("{scenario:18} n={runs} forge {:.3}", own.as_secs_f64());
            for rival in builders.iter().filter(|name| **name != "forge") {
                if let Some((other, _)) = self.median(rival, scenario) {
                    let ratio = own.as_secs_f64() / other.as_secs_f64();
                    line += &format!("   {rival} {:.3} ({ratio:.3})", other.as_secs_f64());
                }
            }
            println!("{line}");
        }
        let four_to_one =
            self.median("forge", "cold, four images").zip(self.median("forge", "cold, one image"));
        if let Some(((four, _), (one, _))) = four_to_one {
            println!(
                "forge, four images to one, cold: {:.2}\n",
                four.as_secs_f64() / one.as_secs_f64()
            );
        }
    }
}

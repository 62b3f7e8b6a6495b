//! The command lines whose output the files of a tree decide: `find`, `grep`, `cat`, `ls`, `test`
//! and what cuts their output, alone and in pipes.
//!
//! A line is answered only when all of it is understood; of any other the output is not known. A
//! program that the image does not have prints nothing. Two freedoms: names come sorted by bytes where a program takes the
//! directory's own order, and messages are in English.

mod find;
mod grep;
mod lines;
mod words;

use self::words::{Stage, Word};
use super::glob::glob;
use crate::interp::Machine;
use crate::stop::Stop;

/// What one program of a line gave; none when the tree does not decide it.
type Decided = Result<Option<Output>, Stop>;

/// What a program gave.
#[derive(Debug, Default)]
struct Output {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Output {
    fn printed(stdout: String) -> Self {
        Self { stdout, ..Self::default() }
    }

    fn ended(status: i32) -> Self {
        Self { status, ..Self::default() }
    }

    fn missing(&mut self, says: &str, status: i32) {
        self.stderr.push_str(&format!("{says}: No such file or directory\n"));
        self.status = status;
    }
}

/// What is known of a line.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) stdout: String,
    /// None where it is a shell's own word for a program that is absent.
    pub(super) stderr: Option<String>,
    /// None where whoever runs the line decides: 127, or 1.
    pub(super) status: Option<i32>,
}

/// What a line gives, when the tree decides it.
pub(super) fn output(machine: &mut Machine<'_>, line: &str) -> Result<Option<Known>, Stop> {
    let Some(stages) = words::stages(line).map(one_filesystem) else { return Ok(None) };
    let (mut input, mut stderr, mut status) = (None, Some(String::new()), Some(0));
    for stage in stages {
        let Some(words) = expand(machine, &stage.words)? else { return Ok(None) };
        let Some((program, args)) = words.split_first() else { return Ok(None) };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        // Without a shell nobody says that a program is absent: such a tree is no whole system.
        if is_program(program)
            && !super::walk::program_exists(machine, program)?
            && super::walk::program_exists(machine, "/bin/sh")?
        {
            if !stage.silent {
                stderr = None;
            }
            (status, input) = (None, Some(String::new()));
            continue;
        }
        let Some(output) = run(machine, program, &args, input.as_deref())? else {
            return Ok(None);
        };
        if !stage.silent
            && let Some(stderr) = &mut stderr
        {
            stderr.push_str(&output.stderr);
        }
        status = Some(output.status);
        machine.meter.charge(output.stdout.len() + output.stderr.len())?;
        input = Some(output.stdout);
    }
    Ok(Some(Known { stdout: input.unwrap_or_default(), stderr, status }))
}

/// What benchmarks write to look through every local filesystem: an image is one.
fn one_filesystem(mut stages: Vec<Stage>) -> Vec<Stage> {
    const DF: [&[&str]; 3] = [
        &["df", "--local", "-P"],
        &["awk", "{ if (NR!=1) print $6 }"],
        &["xargs", "-I", "{}", "find", "{}"],
    ];
    let text = |stage: &Stage| -> Vec<String> {
        stage.words.iter().map(|word| word.text.clone()).collect()
    };
    let (Some([df, awk]), Some(xargs)) = (stages.first_chunk::<2>(), stages.get(2)) else {
        return stages;
    };
    let is_that = text(df) == DF[0]
        && text(awk) == DF[1]
        && text(xargs).iter().map(String::as_str).take(DF[2].len()).eq(DF[2].iter().copied());
    if is_that && xargs.words.iter().skip(5).all(|word| word.text != "{}") {
        stages.drain(..2);
        stages[0].words.drain(..3);
        "/".clone_into(&mut stages[0].words[1].text);
    }
    stages
}

/// Whether a word can be nothing but a program's name: no word of a shell's own.
fn is_program(word: &str) -> bool {
    const OWN: &str = "alias bg bind break builtin caller case cd chdir command compgen complete \
        compopt continue coproc declare dirs disown do done echo elif else enable esac \
        eval exec exit export false fc fg fi for function getopts hash help history if \
        in jobs kill let local logout mapfile popd printf pushd pwd read readarray \
        readonly return select set shift shopt source suspend test then time times trap \
        true type typeset ulimit umask unalias unset until wait while";
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    let named = word.starts_with('/') || !word.contains('/');
    named && word != "." && word.chars().all(plain) && !OWN.split(' ').any(|own| own == word)
}

fn run(machine: &mut Machine<'_>, program: &str, args: &[&str], input: Option<&str>) -> Decided {
    let builtin = matches!(program, "test" | "[");
    if !builtin && !super::walk::program_exists(machine, program)? {
        return Ok(None);
    }
    match (program, input) {
        ("find", _) => find::run(machine, args),
        ("grep" | "egrep" | "fgrep", _) => grep::run(machine, program, args, input),
        ("cat", None) => cat(machine, args),
        ("ls", _) => ls(machine, args),
        ("test", _) => test(machine, args),
        ("[", _) => match args.split_last() {
            Some((&"]", args)) => test(machine, args),
            _ => Ok(None),
        },
        ("uname", _) if args == ["-m"] => {
            // A kernel of the image is of the same machine where there is but one that fits.
            let machine = machine.state.platform.arch.as_str();
            let one = matches!(machine, "x86_64" | "aarch64");
            Ok(one.then(|| Output::printed(format!("{machine}\n"))))
        }
        (_, Some(input)) => Ok(lines::run(program, args, input)),
        (_, None) => Ok(None),
    }
}

/// Words as a program gets them: patterns of names stand for the paths that fit.
fn expand(machine: &mut Machine<'_>, words: &[Word]) -> Result<Option<Vec<String>>, Stop> {
    let mut all = Vec::new();
    for word in words {
        if !word.is_pattern {
            all.push(word.text.clone());
            continue;
        }
        if word.text.ends_with('/') || word.text.contains('\\') {
            return Ok(None);
        }
        let absolute = word.text.starts_with('/');
        let pattern = if absolute { word.text.clone() } else { format!("/{}", word.text) };
        let found = glob(machine, &pattern)?;
        match (found.is_empty(), absolute) {
            // A pattern that fits nothing stays as it is.
            (true, _) => all.push(word.text.clone()),
            (false, true) => all.extend(found),
            // Whose directory it would be in is not known.
            (false, false) => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// A path as the target takes it; none where only a running system has it.
fn place(path: &str) -> Option<String> {
    // A relative path is one of whoever runs it, and a system starts in `/`.
    let place = super::file::normal(&format!("/{path}"));
    super::file::only_running(&place).is_none().then_some(place)
}

fn cat(machine: &mut Machine<'_>, paths: &[&str]) -> Decided {
    let mut output = Output::default();
    if paths.is_empty() {
        return Ok(None);
    }
    for path in paths {
        let Some(place) = place(path).filter(|_| !path.starts_with('-')) else { return Ok(None) };
        match machine.answer(machine.target.stat(&place, true))? {
            None => output.missing(&format!("cat: {path}"), 1),
            Some(stat) if stat.kind == "directory" => {
                output.stderr.push_str(&format!("cat: {path}: Is a directory\n"));
                output.status = 1;
            }
            Some(_) => output.stdout.push_str(&machine.read_text(&place)?.unwrap_or_default()),
        }
    }
    Ok(Some(output))
}

/// Files alone: a directory is listed in columns and orders of its own.
fn ls(machine: &mut Machine<'_>, paths: &[&str]) -> Decided {
    let mut output = Output::default();
    let mut paths = paths.to_vec();
    paths.sort_unstable();
    if paths.is_empty() {
        return Ok(None);
    }
    for path in paths {
        let Some(place) = place(path).filter(|_| !path.starts_with('-')) else { return Ok(None) };
        let stat = match machine.answer(machine.target.stat(&place, true))? {
            Some(stat) => Some(stat),
            None => machine.answer(machine.target.stat(&place, false))?,
        };
        match stat {
            Some(stat) if stat.kind == "directory" => return Ok(None),
            Some(_) => output.stdout.push_str(&format!("{path}\n")),
            None => output.missing(&format!("ls: cannot access '{path}'"), 2),
        }
    }
    Ok(Some(output))
}

/// `test` with one question about a path.
fn test(machine: &mut Machine<'_>, args: &[&str]) -> Decided {
    let (args, negated) = match args {
        ["!", rest @ ..] => (rest, true),
        all => (all, false),
    };
    let [question, path] = args else { return Ok(None) };
    let Some(place) = place(path).filter(|_| !path.is_empty()) else { return Ok(None) };
    let follow = !matches!(*question, "-h" | "-L");
    let stat = machine.answer(machine.target.stat(&place, follow))?;
    let is = |kind: &str| stat.as_ref().is_some_and(|stat| stat.kind == kind);
    let holds = match *question {
        "-e" => stat.is_some(),
        "-f" => is("file"),
        "-d" => is("directory"),
        "-h" | "-L" => is("symlink"),
        "-s" if is("file") => match stat.and_then(|stat| stat.size) {
            Some(size) => size > 0,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(Output::ended(i32::from(holds == negated))))
}

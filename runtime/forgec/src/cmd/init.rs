//! `forgec init`: a project that checks and builds, to begin with.

use std::io::{BufRead, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use forge_diag::Standpoint;
use forge_stdlib::WithLibrary;
use forge_sys::sources::DiskSources;

use crate::ctx::{Ctx, root_above};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Write a project to begin with: a base, a role, a profile and an image that checks and builds.
///
/// On a terminal it asks for what no option says. No file that is there is overwritten.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where; it is made when absent [default: the working directory]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,

    /// The cluster's name [default: first]
    #[arg(long, value_name = "NAME", value_parser = cluster)]
    pub(crate) cluster: Option<String>,

    /// What kind of node the image is for [default: compute]
    #[arg(long = "type", value_name = "NAME", value_parser = kind)]
    pub(crate) kind: Option<String>,

    /// Debian's release [default: bookworm]
    #[arg(long, value_name = "NAME", value_parser = suite)]
    pub(crate) suite: Option<String>,

    /// The kernel's package: linux-image-amd64 for hardware [default: linux-image-cloud-amd64]
    #[arg(long, value_name = "PACKAGE", value_parser = kernel)]
    pub(crate) kernel: Option<String>,

    // An address in brackets would be a link to rustdoc.
    #[arg(
        long,
        value_name = "TEXT",
        value_parser = contact,
        help = "Whom users ask for help [default: root@example.org]"
    )]
    pub(crate) contact: Option<String>,

    /// Whose pipeline plans merge requests and builds [default: gitlab]
    #[arg(long, value_enum, value_name = "SERVICE")]
    pub(crate) ci: Option<Ci>,

    /// Ask nothing
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
}

/// A service that runs pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ci {
    /// GitLab
    Gitlab,
    /// No pipeline
    None,
}

/// Everything that the files depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answers {
    cluster: String,
    kind: String,
    suite: String,
    kernel: String,
    contact: String,
    ci: Ci,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let directory = args.directory.as_deref().unwrap_or(Path::new("."));
    let directory = std::path::absolute(ctx.start().join(directory))
        .map_err(|error| CmdError::usage(format!("`{}`: {error}", directory.display())))?;
    let asks = !args.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let answers = if asks {
        answers(args, &mut Asker { ui, input: &mut std::io::stdin().lock() })?
    } else {
        answers(args, &mut Defaults)?
    };
    let project = directory.file_name().and_then(|name| name.to_str());
    let files = files(&answers, project.filter(|name| is_name(name)).unwrap_or(&answers.cluster));
    refuse_existing(&directory, &files)?;
    write(&directory, &files)?;
    let sources =
        DiskSources::open(&directory).map_err(|error| CmdError::environment(error.to_string()))?;
    let checked = forge_plan::check(&WithLibrary::new(sources), crate::ctx::today());
    if !checked.diagnostics.is_empty() {
        let from = Standpoint::default();
        crate::ctx::print(ui, &checked.diagnostics, &checked.source_map, &from);
        return Err(CmdError::bug("what `forgec init` wrote has findings")
            .help("the directory may hold other spec files; else this is a bug of forge"));
    }
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    ui.out(&told(&directory, &names, &answers));
    Ok(Exit::Done)
}

fn told(directory: &Path, names: &[&str], answers: &Answers) -> String {
    let Answers { cluster, kind, .. } = answers;
    format!(
        "{}\n  {}\n\nnext:\n  git init && git add .   specs live in git\n  \
         forgec plan             what a build does\n  \
         forgec build            as root; `forgec doctor` says what the host lacks\n  \
         forgec boot {cluster}-{kind}\n",
        directory.display(),
        names.join("\n  ")
    )
}

/// Judges an answer: the answer, or what it should be.
type Judge = fn(&str) -> Result<String, String>;

/// Where answers come from that no option gives.
trait Source {
    /// An answer that `judge` takes; the default when nothing is said.
    fn answer(&mut self, question: &str, default: &str, judge: Judge) -> Result<String, CmdError>;
}

struct Defaults;

impl Source for Defaults {
    fn answer(&mut self, _: &str, default: &str, _: Judge) -> Result<String, CmdError> {
        Ok(default.to_owned())
    }
}

struct Asker<'a> {
    ui: &'a Ui,
    input: &'a mut dyn BufRead,
}

impl Source for Asker<'_> {
    fn answer(&mut self, question: &str, default: &str, judge: Judge) -> Result<String, CmdError> {
        loop {
            self.ui.ask(&format!("{question} [{default}]: "));
            let mut line = String::new();
            let read = self
                .input
                .read_line(&mut line)
                .map_err(|error| CmdError::environment(format!("no answer: {error}")))?;
            if read == 0 {
                return Err(CmdError::usage("no answer")
                    .help("give the answers as options, or take the defaults with `--yes`"));
            }
            match line.trim() {
                "" => return Ok(default.to_owned()),
                said => match judge(said) {
                    Ok(said) => return Ok(said),
                    Err(why) => self.ui.err(&why),
                },
            }
        }
    }
}

fn answers(args: &Args, source: &mut dyn Source) -> Result<Answers, CmdError> {
    let mut one = |given: &Option<String>, question: &str, default: &str, judge: Judge| {
        given.clone().map_or_else(|| source.answer(question, default, judge), Ok)
    };
    let ci_given = args.ci.map(|ci| if ci == Ci::None { "none" } else { "gitlab" }.to_owned());
    Ok(Answers {
        cluster: one(&args.cluster, "the cluster's name", "first", cluster)?,
        kind: one(&args.kind, "the kind of node", "compute", kind)?,
        suite: one(&args.suite, "Debian's release", "bookworm", suite)?,
        kernel: one(&args.kernel, "the kernel's package", "linux-image-cloud-amd64", kernel)?,
        contact: one(&args.contact, "whom users ask for help", "root@example.org", contact)?,
        ci: match one(&ci_given, "a pipeline for gitlab, or none", "gitlab", ci)?.as_str() {
            "none" => Ci::None,
            _ => Ci::Gitlab,
        },
    })
}

fn is_name(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().all(|byte| word(byte) || byte == b'-')
        && text.bytes().next().is_some_and(word)
        && text.bytes().last().is_some_and(word)
}

fn judged(good: bool, text: &str, else_said: &str) -> Result<String, String> {
    if good { Ok(text.to_owned()) } else { Err(else_said.to_owned()) }
}

fn cluster(text: &str) -> Result<String, String> {
    let good = is_name(text) && !text.contains('-');
    judged(good, text, "lower-case letters and digits: an image is called CLUSTER-TYPE")
}

fn kind(text: &str) -> Result<String, String> {
    judged(is_name(text), text, "lower-case letters, digits and `-`")
}

fn suite(text: &str) -> Result<String, String> {
    judged(is_name(text), text, "a release of Debian has a name, such as `bookworm`")
}

fn kernel(text: &str) -> Result<String, String> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = text.len() > 1
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b"+-.".contains(&byte));
    judged(good, text, "a package's name, such as `linux-image-amd64`")
}

fn contact(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && !text.chars().any(char::is_control);
    judged(good, text, "one line of text")
}

fn ci(text: &str) -> Result<String, String> {
    judged(["gitlab", "none"].contains(&text), text, "`gitlab` or `none`")
}

/// The files of the project, by their paths.
fn files(answers: &Answers, project: &str) -> Vec<(&'static str, String)> {
    let Answers { cluster, kind, suite, kernel, contact, ci } = answers;
    // In a text of a spec `${` puts a value in.
    let contact = literal(contact);
    let filled = |text: &str| {
        text.replace("@PROJECT@", project)
            .replace("@CLUSTER@", cluster)
            .replace("@TYPE@", kind)
            .replace("@SUITE@", suite)
            .replace("@KERNEL@", kernel)
            .replace("@CONTACT@", &contact)
    };
    let mut files = vec![
        ("forge.kdl", filled(include_str!("../../init/forge.kdl"))),
        ("bases.kdl", filled(include_str!("../../init/bases.kdl"))),
        ("images.kdl", filled(include_str!("../../init/images.kdl"))),
        ("roles/motd/role.kdl", filled(include_str!("../../init/roles/motd/role.kdl"))),
        ("roles/motd/motd.j2", filled(include_str!("../../init/roles/motd/motd.j2"))),
        ("profiles/policy.kdl", filled(include_str!("../../init/profile.kdl"))),
        (".gitignore", include_str!("../../init/gitignore").to_owned()),
    ];
    if *ci == Ci::Gitlab {
        files.push((".gitlab-ci.yml", include_str!("../../init/gitlab-ci.yml").to_owned()));
    }
    files
}

/// All that is in the way is named at once, before anything is written.
fn refuse_existing(directory: &Path, files: &[(&str, String)]) -> Result<(), CmdError> {
    if directory.join("forge.kdl").exists() {
        return Err(CmdError::user(format!("`{}` is a project already", directory.display()))
            .help("`forgec check` says how it is"));
    }
    if let Some(root) = directory.parent().and_then(root_above) {
        let (directory, root) = (directory.display(), root.display());
        return Err(CmdError::user(format!("`{directory}` lies in the project `{root}`"))
            .help("a project of its own stands outside of others"));
    }
    let there: Vec<_> = files
        .iter()
        .filter(|(name, _)| directory.join(name).symlink_metadata().is_ok())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(CmdError::user(format!("`{}` has {} already", directory.display(), there.join(", ")))
        .help("nothing was written: move it away, or begin in another directory"))
}

fn write(directory: &Path, files: &[(&str, String)]) -> Result<(), CmdError> {
    for (name, text) in files {
        let path = directory.join(name);
        let write = || -> std::io::Result<()> {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            // One that came into being meanwhile is left alone, too.
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(text.as_bytes())
        };
        write().map_err(|error| {
            CmdError::environment(format!("`{}` cannot be written: {error}", path.display()))
        })?;
    }
    Ok(())
}

/// A text of a spec that stands for itself: raw where it looks as if something were put in.
fn literal(text: &str) -> String {
    if text.contains(char::is_control) || !["${", "{{", "{%"].iter().any(|mark| text.contains(mark))
    {
        return forge_syntax::quote(&text.replace("${", "$${"));
    }
    let most = text.split(|c| c != '#').map(str::len).max().unwrap_or(0);
    let hashes = "#".repeat(most + 1);
    format!("{hashes}\"{text}\"{hashes}")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn asked(arguments: &[&str], input: &str) -> Result<Answers, CmdError> {
        let words = ["forgec", "init"].iter().chain(arguments);
        let cli = Cli::try_parse_from(words).unwrap();
        let ui = Ui::new(&cli.global);
        let Command::Init(args) = cli.command else { panic!("{:?}", cli.command) };
        answers(&args, &mut Asker { ui: &ui, input: &mut input.as_bytes() })
    }

    #[test]
    fn answers_come_from_options_lines_and_defaults() {
        let said = asked(&["--suite", "trixie"], "Summit\nsummit\n\nlinux-image-amd64\n\nnone\n");
        let wanted = Answers {
            cluster: "summit".to_owned(),
            kind: "compute".to_owned(),
            suite: "trixie".to_owned(),
            kernel: "linux-image-amd64".to_owned(),
            contact: "root@example.org".to_owned(),
            ci: Ci::None,
        };
        assert_eq!(said.unwrap(), wanted);
        assert_eq!(asked(&[], "summit\n").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn names_are_judged() {
        for (text, cluster_good, kind_good) in [
            ("summit", true, true),
            ("summit-2", false, true),
            ("-x", false, false),
            ("", false, false),
            ("A", false, false),
            ("a\"b", false, false),
        ] {
            assert_eq!((cluster(text).is_ok(), kind(text).is_ok()), (cluster_good, kind_good));
        }
        assert!(kernel("linux-image-6.1.0-18-amd64").is_ok());
        assert!(kernel("linux image").is_err());
    }
}

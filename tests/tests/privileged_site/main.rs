//! The example site from end to end: real packages, real containers, one virtual machine.
//!
//! One store serves all steps; they run in one test, since each stands on what the one before it
//! left, and so that the host can be compared before and after.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod kernel;
mod library;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use forge_model::Digest;
use forge_test::{Built, Forgec, Run, Site, Turn};
use serde_json::Value;

const IMAGES: [&str; 4] = ["blanca-bhpc", "blanca-compute", "summit-compute", "summit-gpu"];
const IDENTITY: &str = "secrets/throwaway-identity-for-the-example.txt";
/// The archive's last entry: a node that has it has all.
const SENTINEL: &str = "/zzz-forge-end";

/// A copy of the example site in a repository of its own, with a store and an output folder.
struct Example {
    site: Site,
    forgec: Forgec,
}

impl Example {
    fn new() -> Self {
        let site = Site::new(&[]);
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs"), &site.project());
        site.commit("The example site");
        let forgec = Forgec::new(&site.project(), site.scratch());
        Self { site, forgec }
    }

    /// Builds images with these calls, all when none is named.
    #[track_caller]
    fn build(&self, forgec: &Forgec, images: &[&str]) -> Run {
        let identity = self.site.project().join(IDENTITY).display().to_string();
        let arguments = [&["build", "--identity", &identity], images].concat();
        forgec.run(&arguments).expect(0)
    }

    /// Replaces text in a file of the project, and commits.
    fn edit(&self, file: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.site.project().join(file)).unwrap();
        assert!(text.contains(old), "{file} no longer holds {old}");
        self.site.write(file, text.replacen(old, new, 1));
        self.site.commit("Edit");
    }

    fn out(&self, name: &str) -> PathBuf {
        self.forgec.out_dir().join(name)
    }

    /// The JSON manifest of an image as last packed.
    fn manifest(&self, image: &str) -> Value {
        let text = fs::read(self.out(&format!("{image}-latest.json"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Output of a command in a container of the image.
    #[track_caller]
    fn shell(&self, image: &str, command: &[&str]) -> String {
        self.forgec.run(&[&["shell", image, "--"], command].concat()).expect(0).stdout
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        if path.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

#[test]
fn the_example_site() {
    let _turn = Turn::take();
    let example = Example::new();
    example.build(&example.forgec, &[]);
    thread::scope(|scope| {
        // Emulation takes one processor for most of the time that all the rest needs.
        let machine = scope.spawn(|| {
            boots_in_a_machine(&example);
            kernel::builds_the_same(
                &example.out("vmlinuz-summit-compute-latest"),
                &example.out("summit-compute-latest.cpio.gz"),
            );
        });
        for image in IMAGES {
            let archive = is_packed_as_its_manifest_says(&example, image);
            every_path_has_a_maker(&example, image, &archive);
            boots_in_a_container(&example, image);
        }
        a_shell_leaves_no_trace(&example);
        a_line_of_a_file_costs_its_layer_and_equals_a_build_from_nothing(&example);
        library::comes_up(&example);
        machine.join().unwrap();
    });
    a_package_leaves_file_layers_alone(&example);
}

/// One entry of an archive, as `cpio -tv` shows it.
#[derive(Debug)]
struct Entry {
    directory: bool,
    /// Where a symbolic link points to.
    target: Option<String>,
}

/// The entries of a packed image, by absolute path.
type Archive = BTreeMap<String, Entry>;

/// Output of `zcat ARCHIVE | CONSUMER`.
fn through(archive: &Path, consumer: &[&str]) -> Vec<u8> {
    let mut zcat = Command::new("zcat").arg(archive).stdout(Stdio::piped()).spawn().unwrap();
    let output = Command::new(consumer[0])
        .args(&consumer[1..])
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(zcat.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(zcat.wait().unwrap().success(), "zcat {}", archive.display());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{consumer:?}: {errors}");
    output.stdout
}

/// Lists an archive with GNU cpio; gives also the last path.
fn list(archive: &Path) -> (Archive, String) {
    let text = String::from_utf8(through(archive, &["cpio", "-tv", "--quiet"])).unwrap();
    let mut entries = Archive::new();
    let mut last = String::new();
    for line in text.lines() {
        // Mode, links, owner, group, size or device numbers, three fields of a date, name.
        let mut rest = line;
        let device = line.starts_with(['c', 'b']);
        for _ in 0..if device { 9 } else { 8 } {
            rest = rest.trim_start().split_once(' ').unwrap().1;
        }
        let (name, target) = match rest.trim_start().split_once(" -> ") {
            Some((name, target)) if line.starts_with('l') => (name, Some(target.to_owned())),
            _ => (rest.trim_start(), None),
        };
        last = format!("/{}", name.trim_start_matches('.').trim_start_matches('/'));
        if name.starts_with('.') && name != "." {
            last = format!("/{name}");
        }
        let directory = line.starts_with('d');
        entries.insert(last.clone(), Entry { directory, target });
    }
    (entries, last)
}

/// Names, links and digests in the output folder are those of the manifest, and standard tools
/// read the archive.
fn is_packed_as_its_manifest_says(example: &Example, image: &str) -> Archive {
    let manifest = example.manifest(image);
    let text = |pointer: &str| manifest.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let digest = text("/digest");
    let name = format!("{image}-{}", &digest[..8]);
    let (cluster, image_type) = image.split_once('-').unwrap();
    assert_eq!([text("/image"), text("/cluster"), text("/type")], [image, cluster, image_type]);
    assert_eq!(text("/archive/file"), format!("{name}.cpio.gz"));
    assert_eq!(text("/kernel/file"), format!("vmlinuz-{name}"));
    let revision = example.site.git(&["rev-parse", "HEAD"]);
    assert_eq!(text("/revisions/0/commit"), revision);
    assert_eq!(manifest["dirty"], false);
    for (what, latest) in [
        ("archive", format!("{image}-latest.cpio.gz")),
        ("kernel", format!("vmlinuz-{image}-latest")),
    ] {
        let file = text(&format!("/{what}/file"));
        assert_eq!(fs::read_link(example.out(&latest)).unwrap(), Path::new(&file));
        let bytes = fs::read(example.out(&file)).unwrap();
        assert_eq!(manifest[what]["size"], bytes.len(), "size of {file}");
        assert_eq!(text(&format!("/{what}/blake3")), Digest::of(&bytes).to_hex(), "{file}");
    }
    let archive = example.out(&text("/archive/file"));
    let unpacked = through(&archive, &["wc", "-c"]);
    let unpacked: u64 = std::str::from_utf8(&unpacked).unwrap().trim().parse().unwrap();
    assert_eq!(manifest["archive"]["unpacked"], unpacked);
    let (entries, last) = list(&archive);
    assert_eq!(last, SENTINEL, "the last entry");
    assert!(entries.contains_key("/init"), "the kernel starts /init");
    let release = through(&archive, &["cpio", "-i", "--quiet", "--to-stdout", "etc/forge-release"]);
    let release = String::from_utf8(release).unwrap();
    for (key, value) in
        [("NAME", image), ("CLUSTER", cluster), ("TYPE", image_type), ("DIGEST", &digest)]
    {
        let line = format!("{key}={value}");
        assert!(release.lines().any(|found| found == line), "no `{line}` in {release}");
    }
    let installed =
        example.shell(image, &["dpkg-query", "-Wf", "${Package} ${Version} ${Architecture}\\n"]);
    let listed: BTreeSet<String> = manifest["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["name", "version", "arch"].map(|key| one[key].as_str().unwrap()).join(" "))
        .collect();
    assert_eq!(listed, installed.lines().map(str::to_owned).collect(), "packages of {image}");
    entries
}

/// Who made a path, as `forgec blame` prints it.
#[derive(Debug)]
struct Blamed<'a> {
    layer: &'a str,
    maker: &'a str,
}

/// `forgec blame --all` is held against the packed archive, dpkg in the image, the spec's files,
/// and the layers in the store.
fn every_path_has_a_maker(example: &Example, image: &str, archive: &Archive) {
    let text = example.forgec.run(&["blame", image, "--all"]).expect(0).stdout;
    let blamed: BTreeMap<&str, Blamed<'_>> = text
        .lines()
        .map(|line| {
            let (path, rest) = line.split_once(": ").unwrap();
            let (layer, maker) = rest.split_once(", ").unwrap();
            (path, Blamed { layer, maker })
        })
        .collect();
    // The kernel lies beside the archive, and a node needs no symbols.
    let beside = |path: &str| {
        ["/boot/vmlinuz-", "/boot/System.map-"].iter().any(|start| path.starts_with(start))
    };
    let in_tree: BTreeSet<&str> =
        blamed.keys().copied().filter(|path| !beside(path)).chain([SENTINEL]).collect();
    assert!(in_tree.len() > 8000, "{image} has only {} paths", in_tree.len());
    assert_eq!(in_tree, archive.keys().map(String::as_str).collect(), "paths of {image}");

    let known = packages_by_dpkg(example, image, archive);
    let layers: BTreeMap<String, String> = example.manifest(image)["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| ["label", "digest"].map(|key| layer[key].as_str().unwrap().to_owned()).into())
        .collect();
    for (path, Blamed { layer, maker }) in &blamed {
        let place = format!("{path} of {image}: {layer}, {maker}");
        assert!(layers.contains_key(*layer), "no such layer: {place}");
        let by_packages =
            ["package ", "packages "].iter().find_map(|word| maker.strip_prefix(word));
        let expected = known.get(*path);
        if let Some(packages) = by_packages {
            let packages: BTreeSet<&str> = packages.split(", ").collect();
            let expected = expected.unwrap_or_else(|| panic!("dpkg does not know {place}"));
            // Directories, and links to them, have an entry in one layer, and more packages above.
            let shared = archive.get(*path).is_some_and(|entry| entry.directory)
                || ["/bin", "/lib", "/lib64", "/sbin"].contains(path);
            if shared {
                let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
                assert!(packages.is_subset(&expected), "{place}: dpkg says {expected:?}");
            } else {
                assert!(packages.iter().eq(expected.iter()), "{place}: dpkg says {expected:?}");
            }
        } else if maker.starts_with("dpkg's record of package ")
            || *maker == "a maintainer script or the installer"
        {
            assert!(expected.is_none(), "{place}: dpkg says {expected:?}");
            assert!(layer.ends_with("packages") || ["base bookworm", "kernel"].contains(layer));
        } else {
            names_a_line_of_the_spec(example, maker, &place);
        }
    }
    scripts_made_what_their_layers_hold(example, &blamed, &layers);
}

/// All that `dpkg -S` knows in the image: packages by the path where their files really lie.
fn packages_by_dpkg(
    example: &Example,
    image: &str,
    archive: &Archive,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in example.shell(image, &["dpkg", "-S", "*"]).lines() {
        let (packages, path) = line.split_once(": ").unwrap();
        if packages.starts_with("diversion by ") {
            continue;
        }
        let place = real(archive, path.trim_end_matches("/."));
        known.entry(place).or_default().extend(packages.split(", ").map(str::to_owned));
    }
    assert!(known.len() > 5000, "dpkg knows only {} paths", known.len());
    known
}

/// The path with links of its directories followed: `/bin/ls` lies in `/usr/bin`.
fn real(archive: &Archive, path: &str) -> String {
    let Some((parent, name)) = path.rsplit_once('/') else { return "/".to_owned() };
    if parent.is_empty() {
        return format!("/{name}");
    }
    let parent = real(archive, parent);
    match archive.get(&parent).and_then(|entry| entry.target.as_deref()) {
        Some(target) if target.starts_with('/') => real(archive, &format!("{target}/{name}")),
        Some(target) => {
            let above = parent.rsplit_once('/').map_or("", |(above, _)| above);
            real(archive, &format!("{above}/{target}/{name}"))
        }
        None => format!("{parent}/{name}"),
    }
}

/// Each `FILE:LINE` at the end of a maker is a line of the project, or of the shipped library.
fn names_a_line_of_the_spec(example: &Example, maker: &str, place: &str) {
    for origin in maker.split(", ") {
        let origin = origin.rsplit(' ').next().unwrap();
        let (file, line) = origin.split_once(':').unwrap_or_else(|| panic!("no line: {place}"));
        // The shipped library is not in the project.
        let path = match file.strip_prefix("std/") {
            Some(shipped) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib").join(shipped),
            None => example.site.project().join(file),
        };
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{place}: {error}"));
        let line: usize = line.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
        let text = text.lines().nth(line - 1).unwrap_or_default();
        assert!(!text.trim().is_empty(), "an empty line: {place}");
    }
}

/// The paths that are blamed on a script are the files that its layer holds in the store.
fn scripts_made_what_their_layers_hold(
    example: &Example,
    blamed: &BTreeMap<&str, Blamed<'_>>,
    layers: &BTreeMap<String, String>,
) {
    let scripts = layers.iter().filter(|(label, _)| label.contains("/run "));
    let mut seen = 0;
    for (label, digest) in scripts {
        let tree = example.forgec.store_dir().join("layers").join(digest).join("closed/tree");
        let mut held = BTreeSet::new();
        walk(&tree, &mut |path, meta| {
            if !meta.is_dir() {
                held.insert(format!("/{}", path.strip_prefix(&tree).unwrap().display()));
            }
        });
        let named: BTreeSet<String> = blamed
            .iter()
            .filter(|(_, blamed)| blamed.layer == label)
            .inspect(|(path, blamed)| {
                assert!(blamed.maker.starts_with("script "), "{path}: {blamed:?}");
            })
            .map(|(path, _)| (*path).to_owned())
            .collect();
        assert_eq!(named, held, "paths of {label}");
        seen += held.len();
    }
    assert!(seen > 0, "no script made anything");
}

fn walk(directory: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        visit(&path, &meta);
        if meta.is_dir() {
            walk(&path, visit);
        }
    }
}

fn boots_in_a_container(example: &Example, image: &str) {
    let run = example.forgec.run(&["boot", image]).expect(0);
    let told = format!("{image} booted in a container: ");
    assert!(run.stderr.contains(&told), "{run:?}");
}

fn boots_in_a_machine(example: &Example) {
    let run = example.forgec.run(&["boot", "--qemu", "summit-compute"]).expect(0);
    assert!(run.stderr.contains(" booted in QEMU: running "), "{run:?}");
}

/// What a shell writes is seen in it, and nowhere afterwards.
fn a_shell_leaves_no_trace(example: &Example) {
    let image = "blanca-bhpc";
    let pictured = || {
        let mut found = BTreeMap::new();
        walk(&example.forgec.store_dir().join("layers"), &mut |path, meta| {
            let owner = (meta.uid(), meta.gid());
            found.insert(path.to_owned(), (meta.mode(), owner, meta.size(), meta.mtime()));
        });
        found
    };
    let before = pictured();
    let script = "set -e; . /etc/forge-release; echo $NAME; touch /usr/bin/trace; \
        rm /etc/fstab; echo trace > /etc/motd; cat /etc/motd; test ! -e /etc/fstab; exit 7";
    let run = example.forgec.run(&["shell", image, "--", "/bin/sh", "-c", script]).expect(7);
    assert_eq!(run.stdout, format!("{image}\ntrace\n"));
    let script = "cat /etc/motd; ls /etc/fstab /usr/bin/trace 2>/dev/null; true";
    let text = example.shell(image, &["/bin/sh", "-c", script]);
    assert!(text.contains("/etc/fstab") && !text.contains("trace"), "{text}");
    assert!(before == pictured(), "the store's layers are not as they were");
}

/// No step but these; scripts see all files, and are asked again.
#[track_caller]
fn assert_done(run: Run, layers: &[&str]) {
    let done = Built::of(run).done;
    let after = ["ssh/run strong-moduli", "stamp", "pack"];
    for step in layers.iter().chain(&["stamp", "pack"]) {
        assert!(done.contains(*step), "`{step}` was not done: {done:?}");
    }
    let stray: Vec<_> = done
        .iter()
        .filter(|step| !layers.contains(&step.as_str()) && !after.contains(&step.as_str()))
        // Controls of the site ask about the files that these tests edit.
        .filter(|step| !step.starts_with("controls, "))
        .collect();
    assert!(stray.is_empty(), "done in vain: {stray:?}");
}

fn a_line_of_a_file_costs_its_layer_and_equals_a_build_from_nothing(example: &Example) {
    // Not the image that is booted from the output folder meanwhile.
    let image = "blanca-compute";
    example.edit("roles/node-base/limits.conf", "\n", "\n# Edited.\n");
    let run = example.build(&example.forgec, &[image]);
    assert_done(run, &["node-base/files"]);

    let second = tempfile::TempDir::with_prefix_in("second-", example.site.scratch()).unwrap();
    let fresh = Forgec::new(&example.site.project(), second.path());
    // Packages and their indexes are those that the first store fetched; nothing that was made of
    // them is there.
    for fetched in ["apt", "debs"] {
        let to = fresh.store_dir().join(fetched);
        fs::create_dir_all(&to).unwrap();
        copy(&example.forgec.store_dir().join(fetched), &to);
    }
    example.build(&fresh, &[image]);
    for file in [format!("{image}-latest.cpio.gz"), format!("vmlinuz-{image}-latest")] {
        let [ours, theirs] =
            [&example.forgec, &fresh].map(|forgec| forgec.out_dir().join(&file).canonicalize());
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        assert_eq!(ours.file_name(), theirs.file_name(), "the image's digest");
        assert!(fs::read(&ours).unwrap() == fs::read(&theirs).unwrap(), "bytes of {file}");
    }
}

fn a_package_leaves_file_layers_alone(example: &Example) {
    let image = "blanca-bhpc";
    example.build(&example.forgec, &[image]);
    example.edit("roles/rdma/role.kdl", r#""ibverbs-utils""#, r#""ibverbs-utils" "hello""#);
    let run = example.build(&example.forgec, &[image]);
    assert_done(run, &["rdma/packages, package list", "rdma/packages"]);
    let text = example.forgec.run(&["blame", image, "/usr/bin/hello"]).expect(0).stdout;
    assert_eq!(text, "/usr/bin/hello: rdma/packages, package hello\n");
}

//! What a profile of `InSpec` finds wrong in what the spec says, before anything is built.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use forge_diag::{Diagnostic, SourceMap};
use forge_inspec::{Platform, ProjectProfile};
use forge_judge::{Record, Recording};
use forge_model::{Digest, InspecProfile, SourceFile, Sources, Status, Target, Verdict};
use forge_spec::{BaseKind, ResolvedImage};

use crate::check::joined;

/// Runs of one profile that are remembered. An image that differs in nothing that the profile asks for
/// needs no run of its own.
const MOST: usize = 64;

/// Runs profiles at the spec of images, and remembers those that found nothing wrong: a profile takes
/// longer to run than to be asked whether its questions have the answers that they had.
pub(crate) struct SpecRuns<'a> {
    sources: &'a dyn Sources,
    clean: Mutex<BTreeMap<Digest, Vec<Arc<Record>>>>,
}

impl<'a> SpecRuns<'a> {
    /// None yet; earlier ones are known to `sources`.
    pub(crate) fn new(sources: &'a dyn Sources) -> Self {
        Self { sources, clean: Mutex::default() }
    }

    /// The controls of a profile that the spec breaks, whatever the built image has beside it. What it
    /// does not say, and what Ruby would have to run, is judged in the image.
    pub(crate) fn broken(
        &self,
        profile: &InspecProfile,
        image: &ResolvedImage,
        target: &dyn Target,
    ) -> Vec<Verdict> {
        let platform = Platform::detect(target).ok().or_else(|| platform(image));
        // Of an unknown system nothing is known: not even whether the profile is for it.
        let Some(platform) = platform else { return Vec::new() };
        let key = key(profile, &platform);
        if self.known(&key).iter().any(|record| record.still_holds(target)) {
            return Vec::new();
        }
        let recording = Recording::new(target);
        let broken = self.run(profile, platform, &recording);
        if broken.is_empty() {
            self.note(&key, recording.finish());
        }
        broken
    }

    fn run(
        &self,
        profile: &InspecProfile,
        platform: Platform,
        target: &Recording<'_>,
    ) -> Vec<Verdict> {
        let read = |file: &SourceFile| {
            let bytes = self.sources.read(&file.path);
            bytes.map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
        };
        let source = ProjectProfile { profile, read: &read };
        let options = forge_inspec::Options { platform: Some(platform), ..source.options() };
        // A profile that cannot be loaded is an error where the image is judged by it.
        let Ok(run) = forge_inspec::run(&profile.directory, &source, target, &options) else {
            return Vec::new();
        };
        let verdicts = run.report.controls.into_iter().map(|control| control.verdict);
        let broken = verdicts.filter(|verdict| verdict.status == Status::Failed);
        broken.map(|verdict| Verdict { profile: profile.name.clone(), ..verdict }).collect()
    }

    fn known(&self, key: &Digest) -> Vec<Arc<Record>> {
        let mut clean = self.clean.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = || {
            let bytes = self.sources.recall(key)?;
            postcard::from_bytes(&bytes).ok()
        };
        clean.entry(*key).or_insert_with(|| earlier().unwrap_or_default()).clone()
    }

    fn note(&self, key: &Digest, record: Record) {
        let mut clean = self.clean.lock().unwrap_or_else(PoisonError::into_inner);
        let records = clean.entry(*key).or_default();
        records.insert(0, Arc::new(record));
        records.truncate(MOST);
        if let Ok(bytes) = postcard::to_stdvec(records) {
            self.sources.remember(key, bytes);
        }
    }
}

/// The findings of controls that specs break, each once. The files of Ruby join the map.
pub(crate) fn violations(
    mut broken: Vec<Verdict>,
    sources: &dyn Sources,
    map: &mut SourceMap,
) -> Vec<Diagnostic> {
    for result in broken.iter().flat_map(Verdict::findings) {
        // One that is no text is shown without its place.
        let _shown = joined(&result.origin.file, sources, map);
    }
    for message in
        broken.iter_mut().flat_map(|one| &mut one.results).filter_map(|one| one.message.as_mut())
    {
        *message = one_line(message);
    }
    crate::violations(&broken, map)
}

/// `RSpec` says in some lines what was expected and found, and how it compared them.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let said = lines.filter(|line| !line.is_empty() && !line.starts_with("(compared using"));
    said.collect::<Vec<_>>().join(", ")
}

/// Over all of a profile, and of the system, that decides what it finds.
fn key(profile: &InspecProfile, platform: &Platform) -> Digest {
    let InspecProfile { name, directory, files, inputs, skips, interpreter, .. } = profile;
    let files: Vec<_> = files.iter().map(|file| (&file.path, file.digest)).collect();
    let inputs: Vec<_> = inputs.iter().map(|input| (&input.name, &input.value)).collect();
    let skips: Vec<_> = skips.iter().map(|skip| &skip.control).collect();
    let Platform { name: system, release, family, arch } = platform;
    let system = (system, release, family, arch);
    let all = ("inspec at spec", name, directory, files, inputs, skips, interpreter, system);
    // Plain data always has a JSON form.
    Digest::of(&serde_json::to_vec(&all).unwrap_or_default())
}

/// What the base says of the system. Which point release it has, only its packages know.
fn platform(image: &ResolvedImage) -> Option<Platform> {
    let BaseKind::Debian { .. } = &image.base.kind else { return None };
    Some(Platform {
        name: "debian".to_owned(),
        release: String::new(),
        family: "debian".to_owned(),
        // As `uname -m` says it.
        arch: match image.base.arch.as_str() {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            other => other,
        }
        .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use forge_model::MemorySources;

    use super::*;
    use crate::{ImageChanges, SpecTarget};

    const SITE: &str = r#"
base "b" { debian suite="bookworm"; }
base "foreign" { archive "base.tar"; }
profile "p" inspec="p" {}
image "plain" { base "b"; controls "p"; }
image "other" { base "b"; file "/etc/other" { content "x"; }; controls "p"; }
image "asked" { base "b"; file "/etc/issue" mode="0600" { content "x"; }; controls "p"; }
image "archive" { base "foreign"; file "/etc/issue" mode="0666" { content "x"; }; controls "p"; }
image "broken" { base "b"; file "/etc/issue" mode="0666" { content "x"; }; controls "p"; }
"#;

    const CONTROL: &str = "control 'c' do
  describe file('/etc/issue') do
    it { should_not be_writable.by('others') }
  end
  describe command('true') do
    its('stdout') { should eq '' }
  end
end
";

    #[test]
    fn an_image_that_answers_alike_needs_no_run() {
        let mut sources = MemorySources::new();
        sources.insert("forge.kdl", SITE).insert("p/inspec.yml", "name: p\n");
        sources.insert("p/controls/c.rb", CONTROL).insert("base.tar", "");
        let compiled = forge_spec::compile(&sources);
        let spec = compiled.spec.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let (profiles, _) = super::super::load_all(&spec.inspec, &sources, &compiled.source_map);
        let profile = &profiles["p"];
        let runs = SpecRuns::new(&sources);
        let (mut seen, debian) = (Vec::new(), platform(&spec.images[1]).unwrap());
        for image in &spec.images {
            let changes = ImageChanges::of(image);
            let target = SpecTarget::new(image, &changes, &sources);
            let broken = runs.broken(profile, image, &target).len();
            seen.push((image.name.as_str(), broken, runs.known(&key(profile, &debian)).len()));
        }
        seen.sort_unstable();
        // In the order of the project's images, each with what is remembered by then. Of the first one
        // nothing is known, which must not speak for the others.
        let want = [
            ("archive", 0, 0),
            ("asked", 0, 1),
            ("broken", 1, 1),
            ("other", 0, 2),
            ("plain", 0, 2),
        ];
        assert_eq!(seen, want);
    }
}

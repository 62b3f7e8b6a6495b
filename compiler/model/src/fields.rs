//! What of an action enters its keys, as named fields. Destructured without `..`, so that a new
//! part of an action cannot be forgotten here.

use std::fmt;

use crate::{
    Action, Base, Change, ChangeKind, Changes, Content, Control, DeclaredPath, Digest, Edit,
    ExpectFailed, Fetch, ImagePath, InspecInput, InspecProfile, InspecSkip, KeyBuilder, KeyFields,
    KeyHasher, KeyPart, Located, Mirror, Origin, OutputSettings, Pack, PackageSources, Packages,
    Pin, Preseed, Protected, Repository, Resolve, Run, SecretFile, SecretReference, SecretSource,
    Secrets, SourceFile, Stamp, Unpack, User, Verify,
};

impl Action {
    /// The version of what this kind of action does to its inputs; rising it rebuilds all of the
    /// kind.
    pub fn version(&self) -> u32 {
        match self {
            Self::Resolve(_)
            | Self::Base(_)
            | Self::Packages(_)
            | Self::Fetch(_)
            | Self::Unpack(_)
            | Self::Changes(_)
            | Self::Run(_)
            | Self::Secrets(_)
            | Self::Stamp(_)
            | Self::Verify(_)
            | Self::Pack(_) => 1,
        }
    }

    /// A key builder of this action's kind that holds all of its own fields and no input.
    pub fn key_builder(&self) -> KeyBuilder {
        let mut key = KeyBuilder::new(self.kind(), self.version());
        self.key_fields(&mut key);
        key
    }

    /// The same for a digest alone.
    pub fn key_hasher(&self) -> KeyHasher {
        let mut key = KeyHasher::new(self.kind(), self.version());
        self.key_fields(&mut key);
        key
    }

    /// All of its own fields, and no input.
    fn key_fields(&self, key: &mut dyn KeyFields) {
        match self {
            Self::Resolve(resolve) => resolve_fields(resolve, key),
            Self::Base(base) => base_fields(base, key),
            Self::Packages(packages) => {
                let Packages { arch, names, answers, holds } = packages.as_ref();
                key.field("architecture", arch);
                name_fields(names, key);
                for Preseed { owner, question, kind, value, origin } in answers {
                    let name = format!("debconf answer {owner} {question}");
                    key.field_at(name, format_args!("{kind} {value}"), origin);
                }
                hold_fields(holds, key);
            }
            Self::Fetch(fetch) => {
                let Fetch { name: _, url: _, sha256, origin } = fetch.as_ref();
                key.field_at("SHA-256", sha256, origin);
            }
            Self::Unpack(unpack) => unpack_fields(unpack, key),
            Self::Changes(Changes { changes, protected }) => {
                for change in changes {
                    key.part(change.digest(), &|key| change.key_fields(key));
                }
                protected_fields(protected, key);
            }
            Self::Run(run) => run_fields(run, key),
            Self::Secrets(Secrets { files }) => {
                for file in files {
                    secret_file_fields(file, key);
                }
            }
            Self::Stamp(stamp) => stamp_fields(stamp, key),
            Self::Verify(verify) => verify_fields(verify, key),
            Self::Pack(pack) => pack_fields(pack, key),
        }
    }
}

fn unpack_fields(unpack: &Unpack, key: &mut dyn KeyFields) {
    // What the archive is, the input says.
    let Unpack { source: _, into, strip, owner, group, setuid, overrides, origin } = unpack;
    key.field_at("into", into, origin);
    key.field_at("components taken off", strip, origin);
    key.field_at("owner", format_args!("{owner}:{group}"), origin);
    key.field_at("files may run as their owner", setuid, origin);
    if *overrides {
        key.field_at("override", "true", origin);
    }
}

fn name_fields(names: &[Located<String>], key: &mut dyn KeyFields) {
    for name in names {
        key.field_at("package", &name.value, &name.origin);
    }
}

fn sources_fields(sources: &PackageSources, key: &mut dyn KeyFields) {
    let PackageSources { suite, components, updates, mirror, security } = sources;
    key.field("suite", suite);
    key.field("components", components.join(" "));
    key.field("updates and security suites", updates);
    for (name, mirror) in [("mirror", mirror), ("security mirror", security)] {
        // The URL stays out: it may be that of the runner's own cache. Without a mirror the host's
        // own sources are used.
        if let Some(Mirror { name: mirror, url: _ }) = mirror {
            key.field(name, mirror);
        }
    }
}

fn resolve_fields(resolve: &Resolve, key: &mut dyn KeyFields) {
    let Resolve { arch, sources, repositories, pins, holds, base, names, files, recommends } =
        resolve;
    key.field("architecture", arch);
    sources_fields(sources, key);
    for repository in repositories {
        repository_fields(repository, key);
    }
    for pin in pins {
        let Pin { package, to: _, priority, origin } = pin;
        let value = format!("{} priority {priority}", pin.to_apt());
        key.field_at(format_args!("pin {package}"), value, origin);
    }
    hold_fields(holds, key);
    key.field("essential and required packages", base);
    key.field("recommended packages", recommends);
    name_fields(names, key);
    for file in files {
        // Name and version are what the file itself says.
        let SourceFile { path: _, digest, size: _, executable: _ } = &file.value;
        key.field_at("package file", digest, &file.origin);
    }
}

fn hold_fields(holds: &[Located<String>], key: &mut dyn KeyFields) {
    for held in holds {
        key.field_at("held package", &held.value, &held.origin);
    }
}

fn repository_fields(repository: &Repository, key: &mut dyn KeyFields) {
    // Who fetches decides no byte: a new password resolves nothing anew.
    let Repository { name, url, suites, components, key: signer, login: _, origin } = repository;
    key.field_at(format_args!("repository {name}"), url, origin);
    key.field_at(format_args!("repository {name}, suites"), suites.join(" "), origin);
    key.field_at(format_args!("repository {name}, components"), components.join(" "), origin);
    if let Some(SourceFile { path: _, digest, size: _, executable: _ }) = signer {
        key.field_at(format_args!("repository {name}, key"), digest, origin);
    }
}

fn source_field(name: &str, file: &SourceFile, origin: Option<&Origin>, key: &mut dyn KeyFields) {
    // The path in the project is for people; the bytes and the executable bit count.
    let SourceFile { path: _, digest, size: _, executable } = file;
    key.put(format_args!("{name}"), format_args!("{digest}"), origin);
    key.put(format_args!("{name}, executable"), format_args!("{executable}"), origin);
}

fn base_fields(base: &Base, key: &mut dyn KeyFields) {
    match base {
        Base::Debian { arch, sources, exclude_paths } => {
            key.field("architecture", arch);
            sources_fields(sources, key);
            for url in [&sources.mirror, &sources.security].into_iter().flatten() {
                // The image's own sources.list names the mirror of the spec.
                key.field(format_args!("URL of mirror {}", url.name), &url.url);
            }
            for path in exclude_paths {
                key.field("excluded path", path);
            }
        }
        Base::Archive { arch, source } => {
            key.field("architecture", arch);
            source_field("archive", source, None, key);
        }
        Base::Tree { arch, directory: _, files } => {
            key.field("architecture", arch);
            for (path, file) in files {
                source_field(&format!("content of {path}"), file, None, key);
            }
        }
    }
}

impl KeyPart for Change {
    const KIND: &'static str = "change";

    fn key_fields(&self, key: &mut dyn KeyFields) {
        change_fields(self, key);
    }
}

fn change_fields(change: &Change, key: &mut dyn KeyFields) {
    let Change { origin, what } = change;
    let mut add = |name: fmt::Arguments<'_>, value: fmt::Arguments<'_>| {
        key.put(name, value, Some(origin));
    };
    match what {
        ChangeKind::Directory { path, mode, owner, group, keep } => {
            let kept = if *keep { ", unless it is there" } else { "" };
            add(format_args!("directory {path}"), format_args!("{mode:04o} {owner}:{group}{kept}"));
        }
        ChangeKind::File { path, content, mode, owner, group } => {
            add(
                format_args!("mode and owner of {path}"),
                format_args!("{mode:04o} {owner}:{group}"),
            );
            add(format_args!("content of {path}"), format_args!("{}", content.digest()));
        }
        ChangeKind::Link { path, target } => {
            add(format_args!("link {path}"), format_args!("{target}"));
        }
        ChangeKind::Edit { path, edit, create } => {
            edit_fields(path, edit, &mut add);
            if *create {
                add(format_args!("{path}, made when absent"), format_args!("{create}"));
            }
        }
        ChangeKind::Remove { pattern } => add(format_args!("remove"), format_args!("{pattern}")),
        ChangeKind::KernelModules { keep, drop, firmware } => {
            for (what, patterns) in [("kept", keep), ("dropped", drop)] {
                for pattern in patterns {
                    add(format_args!("kernel modules that are {what}"), format_args!("{pattern}"));
                }
            }
            add(format_args!("firmware is kept"), format_args!("{firmware}"));
        }
        ChangeKind::Group { name, gid, system } => {
            add(format_args!("group {name}"), format_args!("gid {} system {system}", number(*gid)));
        }
        ChangeKind::User(User {
            name,
            uid,
            group,
            groups,
            home,
            shell,
            comment,
            system,
            password,
            keys,
        }) => {
            add(format_args!("user {name}"), format_args!("uid {} system {system}", number(*uid)));
            let said = [("group", group), ("home", home), ("shell", shell)];
            for (part, value) in said {
                // What is not said is the image's own choice.
                if let Some(value) = value {
                    add(format_args!("user {name}, {part}"), format_args!("{value}"));
                }
            }
            for group in groups {
                add(format_args!("user {name}, supplementary group"), format_args!("{group}"));
            }
            add(format_args!("user {name}, comment"), format_args!("{comment}"));
            if let Some(hash) = password {
                // Fields are printed, and a hash is nothing to show around.
                let digest = Digest::of(hash.as_bytes());
                add(format_args!("user {name}, password"), format_args!("{digest}"));
            }
            for key in keys {
                add(format_args!("user {name}, authorized key"), format_args!("{key}"));
            }
        }
        ChangeKind::Enable { unit } => add(format_args!("unit {unit}"), format_args!("enabled")),
        ChangeKind::Disable { unit } => add(format_args!("unit {unit}"), format_args!("disabled")),
        ChangeKind::Mask { unit } => add(format_args!("unit {unit}"), format_args!("masked")),
    }
}

fn edit_fields(
    path: &ImagePath,
    edit: &Edit,
    add: &mut dyn FnMut(fmt::Arguments<'_>, fmt::Arguments<'_>),
) {
    match edit {
        Edit::Line { pattern, text, append } => {
            let place = match pattern {
                Some(pattern) => format!("line of {path} where {pattern} matches"),
                None => format!("line of {path}"),
            };
            if *append {
                add(format_args!("{place}, or at the end"), format_args!("{append}"));
            }
            add(format_args!("{place}"), format_args!("{text}"));
        }
        Edit::Setting { section, key, separator, value } => {
            let place = match section {
                Some(section) => format!("setting {key} of {path}, section {section}"),
                None => format!("setting {key} of {path}"),
            };
            add(format_args!("{place}, separator"), format_args!("{separator}"));
            add(format_args!("{place}"), format_args!("{value}"));
        }
    }
}

fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "any".to_owned(), |number| number.to_string())
}

fn run_fields(run: &Run, key: &mut dyn KeyFields) {
    let Run { name, script, inputs, fetched, environment, secrets, protected, origin } = run;
    key.field_at("step", name, origin);
    source_field("script", script, Some(origin), key);
    for (path, file) in inputs {
        source_field(&format!("input {path}"), file, Some(origin), key);
    }
    for name in fetched {
        key.field_at("fetched input", name, origin);
    }
    for (name, value) in environment {
        key.field_at(format_args!("environment {name}"), value, origin);
    }
    for secret in secrets {
        secret_fields(secret, key);
    }
    protected_fields(protected, key);
}

impl KeyPart for Vec<DeclaredPath> {
    const KIND: &'static str = "declared paths";

    fn key_fields(&self, key: &mut dyn KeyFields) {
        for DeclaredPath { path, origin } in self {
            key.field_at("declared by an earlier step", path, origin);
        }
    }
}

impl KeyPart for Control {
    const KIND: &'static str = "control";

    fn key_fields(&self, key: &mut dyn KeyFields) {
        // A control is plain data; its text form covers every demand. Places do not count.
        let name = format_args!("control {}/{}", self.profile, self.id);
        key.put(
            name,
            format_args!("{}", crate::check_text::control_text(self)),
            Some(&self.origin),
        );
    }
}

impl KeyPart for InspecProfile {
    const KIND: &'static str = "inspec profile";

    fn key_fields(&self, key: &mut dyn KeyFields) {
        let Self { name, directory, files, inputs, skips, level, interpreter, origin, .. } = self;
        key.field_at(format_args!("profile {name}"), directory, origin);
        key.field_at(format_args!("profile {name}, dearest target"), level.name(), origin);
        key.field(format_args!("profile {name}, interpreter"), interpreter);
        // Verdicts name places in files, so their paths count.
        for SourceFile { path, digest, size: _, executable: _ } in files {
            key.field_at(format_args!("profile {name}, file {path}"), digest, origin);
        }
        for InspecInput { name: input, value, origin } in inputs {
            key.field_at(format_args!("profile {name}, input {input}"), value, origin);
        }
        for InspecSkip { control, because: _, origin } in skips {
            key.field_at(format_args!("profile {name}, skipped"), control, origin);
        }
    }
}

fn protected_fields(protected: &Protected, key: &mut dyn KeyFields) {
    key.part(protected.digest(), &|key| protected.key_fields(key));
}

fn secret_fields(secret: &SecretReference, key: &mut dyn KeyFields) {
    let SecretReference { name, source, origin } = secret;
    let value = match source {
        SecretSource::Age(file) => format!("age {}", file.digest),
        SecretSource::Environment { variable, version } => {
            format!("environment {variable} version {version}")
        }
        SecretSource::File { path, version } => format!("file {path} version {version}"),
    };
    key.field_at(format_args!("secret {name}"), value, origin);
}

fn secret_file_fields(file: &SecretFile, key: &mut dyn KeyFields) {
    let SecretFile { path, mode, owner, group, secret, origin } = file;
    let value = format!("{mode:04o} {owner}:{group}");
    key.field_at(format_args!("mode and owner of {path}"), value, origin);
    key.field_at(format_args!("secret in {path}"), &secret.name, origin);
    secret_fields(secret, key);
}

fn output_fields(output: &OutputSettings, origin: &Origin, key: &mut dyn KeyFields) {
    let OutputSettings { format, compression, level, allow_secrets } = output;
    key.field_at("output", format, origin);
    key.field_at("compression", format_args!("{} level {level}", compression.name()), origin);
    key.field_at("secrets may be packed", allow_secrets, origin);
}

fn stamp_fields(stamp: &Stamp, key: &mut dyn KeyFields) {
    let Stamp { image, cluster, image_type, cmdline, output, secrets, origin } = stamp;
    key.field_at("image", image, origin);
    key.field_at("cluster", cluster, origin);
    key.field_at("type", image_type, origin);
    if let Some(cmdline) = cmdline {
        key.field_at("kernel command line", cmdline, origin);
    }
    if let Some(output) = output {
        output_fields(output, origin, key);
    }
    for secret in secrets {
        secret_fields(secret, key);
    }
}

/// The state of the judge of controls: raised with every change of what it says of the same image, so
/// that no store keeps what an older one passed.
const JUDGE: u32 = 2;

fn verify_fields(verify: &Verify, key: &mut dyn KeyFields) {
    let Verify { image, level, controls, inspec, expect_failed } = verify;
    key.field("image", image);
    key.field("target", level.name());
    key.field("judge", JUDGE);
    for control in controls {
        key.part(control.digest(), &|key| control.key_fields(key));
    }
    for profile in inspec {
        key.part(profile.digest(), &|key| profile.key_fields(key));
    }
    for ExpectFailed { unit, because: _, origin } in expect_failed {
        key.field_at("expected to fail", unit, origin);
    }
}

fn pack_fields(pack: &Pack, key: &mut dyn KeyFields) {
    let Pack { image, cluster, image_type, arch, output, holds_secrets, origin } = pack;
    key.field_at("image", image, origin);
    key.field_at("cluster", cluster, origin);
    key.field_at("type", image_type, origin);
    key.field("architecture", arch);
    output_fields(output, origin, key);
    key.field_at("holds secrets", holds_secrets, origin);
}

impl Content {
    /// Size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Source(file) => file.size,
        }
    }
}

#[cfg(test)]
mod tests;
